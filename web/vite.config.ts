import { defineConfig } from "vite";

const server = "http://127.0.0.1:8765"; // `convscope explore --no-open`, while the page itself comes from Vite

export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/convscope/fronts/server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content policy allows no data: font or script
    modulePreload: { polyfill: false },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": { target: server, changeOrigin: true, ws: true, headers: { origin: server } } } },
});
