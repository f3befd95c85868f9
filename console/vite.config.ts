import { defineConfig } from 'vitest/config';

// Development: `SKYEYE_URL=http://127.0.0.1:8080 npm run dev` sends API and feed to a running gateway.
const gateway = process.env.SKYEYE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  server: {
    proxy: {
      // The gateway takes requests of its own origin only.
      '/api/': { target: gateway, changeOrigin: true, headers: { origin: gateway } },
      '/mqtt': { target: gateway, changeOrigin: true, ws: true, headers: { origin: gateway } },
      '/metrics': { target: gateway, changeOrigin: true },
    },
  },
  build: {
    target: 'es2022',
    // The gateway's policy allows no data: addresses and no inline script, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The map alone is larger, and is fetched with its page.
    chunkSizeWarningLimit: 1100,
    rolldownOptions: {
      // Libraries mark files for server rendering, which there is none of here.
      onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning),
    },
  },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    environment: 'node',
    // They walk through all sources; a machine that builds beside takes ten times as long.
    testTimeout: 60_000,
  },
});
