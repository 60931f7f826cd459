import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const path = "/src/entry/theme-before-paint.js";

/**
 * Puts the theme script in the head as a blocking file of its own: hashed and immutable in the
 * build, served as it stands in development.
 */
export function themeScript(): Plugin {
  let building = false;
  return {
    name: "proofline:theme-script",
    configResolved(config) {
      building = config.command === "build";
    },
    buildStart() {
      if (!building) return;
      const source = readFileSync(new URL(`..${path}`, import.meta.url), "utf8");
      this.emitFile({ type: "asset", name: "theme.js", source: withoutCommentsAndIndents(source) });
    },
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle }) {
        const asset = Object.values(bundle ?? {}).find((o) => o.type === "asset" && o.names.includes("theme.js"));
        const src = asset ? `/${asset.fileName}` : path;
        return { html, tags: [{ tag: "script", attrs: { src }, injectTo: "head-prepend" }] };
      },
    },
  };
}

function withoutCommentsAndIndents(source: string): string {
  return source
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();
}
