/**
 * A rule of this repository: every code that the server can refuse with has words of its own. The API description names no
 * codes, so they are read where they are written, in the server's sources. A code that is not written as a literal beside
 * its constructor has to be named here.
 */

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { codeWords } from "../src/api/code-words";

const sources = new URL("../../crates/server/src/", import.meta.url);

/** What the words of the kind say already, see `error-words.ts`. */
const ofTheirKind = ["internal", "invalid", "no_session", "not_found", "not_permitted", "rate_limited", "unavailable"];

/** Where a code comes from a function: these answer appliances, or the pages after signing in with a provider. */
const elsewhere: Record<string, RegExp | undefined> = {
  "http/agent.rs": undefined,
  "evidence/submit.rs": undefined,
  "appliances/claim.rs": undefined,
  "auth/oidc/callback.rs": /Self::\w+(?:\(_\))? => "([a-z_]+)"/g,
};

const constructor =
  /\b(?:Problem|Self)::(?:new|forbidden|conflict|too_many)\(\s*((?:(?:[\w:]+::)?StatusCode::\w+|status),\s*)?/g;

function codesOf(file: string): string[] {
  const text = readFileSync(new URL(file, sources), "utf8").split("#[cfg(test)]\nmod ")[0] as string;
  const codes: string[] = [];
  for (const { 0: call, index } of text.matchAll(constructor)) {
    // `Self::new` of another type, and a constructor that hands its own argument on.
    if (call.startsWith("Self") && file !== "http/problem.rs") continue;
    const rest = text.slice(index + call.length);
    const code = /^"([a-z_]+)"/.exec(rest)?.[1];
    if (code) codes.push(code);
    else if (file !== "http/problem.rs" && !(file in elsewhere)) codes.push(`? ${file}: ${call}${rest.slice(0, 30)}`);
  }
  const named = elsewhere[file];
  return named ? [...codes, ...[...text.matchAll(named)].map((match) => match[1] as string)] : codes;
}

it("every code of the server has words", () => {
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".rs"));
  const codes = new Set(files.flatMap(codesOf));
  expect(codes.size).toBeGreaterThan(70);
  const silent = [...codes].filter((code) => !(code in codeWords) && !ofTheirKind.includes(code));
  expect(silent.sort()).toEqual([]);
});
