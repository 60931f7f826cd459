/** The types of the API are those of the committed description: front and back cannot drift apart. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("schema.d.ts is what spec/openapi.json gives", { timeout: 60_000 }, () => {
  const root = new URL("..", import.meta.url).pathname;
  const made = execFileSync("node_modules/.bin/openapi-typescript", ["../spec/openapi.json"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const committed = readFileSync(`${root}/src/api/schema.d.ts`, "utf8");
  expect(committed.trim() === made.trim(), "stale: run `npm run generate`").toBe(true);
});
