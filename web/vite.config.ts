import { defineConfig } from "vite";

const server = "http://127.0.0.1:8765"; // `convscope explore --no-open`, while the page itself comes from Vite

/** The explorer's page, which a server hands out in parts. */
const served = {
  outDir: "../src/convscope/fronts/server/static",
  assetsInlineLimit: 0, // the content policy allows no data: font or script
  modulePreload: false as const,
  chunkSizeWarningLimit: 600, // three, which only the page of space fetches
};

/** The script and the style of a map in a file, which Python writes into the file. */
const inFile = {
  outDir: "../src/convscope/view/static",
  assetsInlineLimit: 1 << 20,
  modulePreload: false as const,
  cssCodeSplit: false,
  rolldownOptions: { input: "src/file.tsx", output: { format: "iife" as const, entryFileNames: "map.js", assetFileNames: "map.[ext]" } },
};

export default defineConfig(({ mode }) => ({
  base: "/",
  build: { ...(mode === "file" ? inFile : served), emptyOutDir: true, target: "es2022" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": { target: server, changeOrigin: true, ws: true, headers: { origin: server } } } },
}));
