/* What every part of the end-to-end run works with: the logged-in page, what is on it, its API, and pictures of it. */
import { join } from 'node:path';

/** `desk()` is the logged-in page; `shots` a folder for pictures, or nothing. */
export function tools({ desk, shots }) {
  const page = () => desk();
  return {
    page,
    id: (name) => page().getByTestId(name),
    shoot: async (name) => {
      if (shots) await page().screenshot({ path: join(shots, `${name}.png`) });
    },
    /** Asks as the page itself would, with its login. */
    api: (method, path, body) =>
      page().evaluate(
        async ([m, p, b]) => {
          const session = await (await fetch('/api/v1/session')).json();
          const response = await fetch(`/api/v1${p}`, {
            method: m,
            headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrf },
            ...(b === null ? {} : { body: JSON.stringify(b) }),
          });
          const text = await response.text();
          return { status: response.status, text, body: text === '' ? null : JSON.parse(text) };
        },
        [method, path, body ?? null],
      ),
    /** Asks until the answer is one, for so long and no longer. */
    until: async (what, ms, ask) => {
      const deadline = Date.now() + ms;
      for (;;) {
        const found = await ask();
        if (found) return found;
        if (Date.now() > deadline) throw new Error(`${what}: not within ${ms / 1000} s`);
        await page().waitForTimeout(1000);
      }
    },
  };
}
