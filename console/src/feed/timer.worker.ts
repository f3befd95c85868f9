/* Ticks for the keepalive: a browser slows the timers of a page in the background, but not those of a worker. */
const running = new Map<number, ReturnType<typeof setInterval>>();

self.addEventListener('message', (event: MessageEvent<{ id: number; every: number }>) => {
  const { id, every } = event.data;
  clearInterval(running.get(id));
  running.delete(id);
  if (every > 0) running.set(id, setInterval(() => self.postMessage(id), every));
});
