import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { bundleGraph } from "./build/bundle-graph.ts";
import { precompress } from "./build/precompress.ts";
import { themeScript } from "./build/theme-script.ts";
import { mockServer } from "./dev/mock/plugin.ts";

// With the address of a running `proofline serve` the pages talk to it; without, to the mock.
const server = process.env.PROOFLINE_SERVER;
const proxy = server ? { "/api": { target: server, changeOrigin: true } } : undefined;

export default defineConfig({
  plugins: [
    react(),
    tailwindcss(),
    themeScript(),
    bundleGraph("node_modules/.tmp/bundle-graph.json"),
    precompress(),
    ...(server ? [] : [mockServer()]),
  ],
  server: { host: "127.0.0.1", port: 5173, ...(proxy ? { proxy } : {}) },
  preview: { host: "127.0.0.1", port: 4173, ...(proxy ? { proxy } : {}) },
  build: {
    target: "es2023",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
