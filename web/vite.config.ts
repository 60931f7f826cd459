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
    rolldownOptions: {
      // How long plugins took is no matter of whoever builds the product.
      checks: { bundlerTimings: false },
      output: {
        // What every page uses comes in one piece, not in fifty; what only some use stays apart.
        codeSplitting: {
          groups: [
            { name: "entry", tags: ["$initial"], priority: 9 },
            { name: "react", test: /node_modules\/(react|react-dom|scheduler)\//, priority: 8 },
            { name: "verifier", test: /node_modules\/@noble|src\/evidence\//, priority: 7 },
            {
              name: "router",
              test: /node_modules\/@tanstack\/(react-router|router-core|history|react-query|query-core|react-store|store)\//,
              priority: 6,
            },
            { name: "dialogs", test: /node_modules\/@(base-ui|floating-ui)\//, priority: 5 },
            { name: "tables", test: /node_modules\/@tanstack\//, priority: 4 },
            { name: "kit", test: /src\/(ui\/(?!table|visible-rows|modal)|lib\/|scoring\/look)/, priority: 3 },
          ],
        },
      },
    },
  },
});
