/* What is to be seen on a page, by its pixels: a canvas has no elements to ask for. */

/** With WebGL 2, drawn by the processor: machines that test have no graphics card. */
export const WITH_WEBGL = ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'];
export const WITHOUT_WEBGL = ['--disable-gpu', '--disable-3d-apis'];

/** A colour of the theme that is on. */
export const colourOf = (page, name) =>
  page.evaluate((n) => {
    const ctx = document.createElement('canvas').getContext('2d');
    ctx.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(n).trim();
    ctx.fillRect(0, 0, 1, 1);
    return [...ctx.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }, name);

/**
 */
export async function pixels(page, locator, colour, { within = null, tolerance = 14 } = {}) {
  const box = await locator.boundingBox();
  const clip = within === null ? box : { x: box.x + box.width / 2 - within, y: box.y + box.height / 2 - within, width: 2 * within, height: 2 * within };
  const png = (await page.screenshot({ clip })).toString('base64');
  return page.evaluate(
    async ([data, [r, g, b], far]) => {
      const img = new Image();
      img.src = `data:image/png;base64,${data}`;
      await img.decode();
      const canvas = new OffscreenCanvas(img.width, img.height);
      const ctx = canvas.getContext('2d');
      ctx.drawImage(img, 0, 0);
      const all = ctx.getImageData(0, 0, img.width, img.height).data;
      let count = 0;
      for (let i = 0; i < all.length; i += 4) {
        if (Math.abs(all[i] - r) <= far && Math.abs(all[i + 1] - g) <= far && Math.abs(all[i + 2] - b) <= far) count += 1;
      }
      return { count, of: all.length / 4 };
    },
    [png, colour, tolerance],
  );
}
