import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const brotli = promisify(brotliCompress);
const gz = promisify(gzip);

/** File kinds that shrink; fonts and pictures are compressed already. */
const compressible = /\.(html|js|css|svg|json|webmanifest|txt)$/;

/**
 * Writes `name.br` and `name.gz` beside every text asset, so that the server
 * only picks a file and never compresses while it answers.
 */
export function precompress(): Plugin {
  return {
    name: "proofline:precompress",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      async handler(_options, bundle) {
        for (const [fileName, output] of Object.entries(bundle)) {
          if (!compressible.test(fileName)) continue;
          const source = Buffer.from(output.type === "chunk" ? output.code : output.source);
          const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
          this.emitFile({ type: "asset", fileName: `${fileName}.br`, source: await brotli(source, { params }) });
          this.emitFile({
            type: "asset",
            fileName: `${fileName}.gz`,
            source: await gz(source, { level: constants.Z_BEST_COMPRESSION }),
          });
        }
      },
    },
  };
}
