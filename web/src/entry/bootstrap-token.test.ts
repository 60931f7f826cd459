import { expect, it } from "vitest";
import { bootstrapTokenIn } from "./bootstrap-token";

it.each<[string, string, string | undefined]>([
  ["/", "", undefined],
  ["/sites", "#x", undefined],
  ["/", "#/bootstrap?token=abc-_1", "abc-_1"],
  ["/", "#/bootstrap", ""],
  ["/bootstrap", "", ""],
  ["/bootstrap", "#abc", "abc"],
  ["/bootstrap", "#token=abc", "abc"],
  ["/", "#/bootstrapped?token=abc", undefined],
])("%s%s", (pathname, hash, token) => {
  expect(bootstrapTokenIn({ pathname, hash })).toBe(token);
});
