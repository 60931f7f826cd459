import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** One chunk of the build, for `scripts/check-size.mjs`. */
export interface GraphNode {
  file: string;
  /** The source module that a dynamic import or the page asks for; null for shared chunks. */
  module: string | null;
  entry: boolean;
  gzip: number;
  imports: string[];
  dynamicImports: string[];
  css: string[];
}

/** Writes who loads whom beside the build, not into it: the server embeds all of `dist`. */
export function bundleGraph(file: string): Plugin {
  let root = "";
  return {
    name: "proofline:bundle-graph",
    apply: "build",
    configResolved(config) {
      root = config.root;
    },
    writeBundle(_options, bundle) {
      const nodes: GraphNode[] = [];
      const styles: Record<string, number> = {};
      for (const output of Object.values(bundle)) {
        if (output.type === "asset") {
          if (output.fileName.endsWith(".css")) styles[output.fileName] = gzipSync(output.source, { level: 9 }).length;
          continue;
        }
        nodes.push({
          file: output.fileName,
          module: output.facadeModuleId?.replace(`${root}/`, "") ?? null,
          entry: output.isEntry,
          gzip: gzipSync(output.code, { level: 9 }).length,
          imports: output.imports,
          dynamicImports: output.dynamicImports,
          css: [...(output.viteMetadata?.importedCss ?? [])],
        });
      }
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify({ nodes, styles }, null, 1));
    },
  };
}
