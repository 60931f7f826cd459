import { expect, it } from "vitest";
import { gateIn } from "./address";

it.each<[string, string, { gate: string; token: string } | undefined]>([
  ["/", "", undefined],
  ["/sites", "#x", undefined],
  ["/sites/reset", "#x", undefined],
  ["/", "#/bootstrap?token=abc-_1", { gate: "bootstrap", token: "abc-_1" }],
  ["/", "#/bootstrap", { gate: "bootstrap", token: "" }],
  ["/bootstrap", "", { gate: "bootstrap", token: "" }],
  ["/bootstrap", "#abc", { gate: "bootstrap", token: "abc" }],
  ["/bootstrap", "#token=abc", { gate: "bootstrap", token: "abc" }],
  ["/", "#/bootstrapped?token=abc", undefined],
  ["/reset", "#abc%2Dd", { gate: "reset", token: "abc-d" }],
  ["/invitation/", "#token=a%20b", { gate: "invitation", token: "a b" }],
  ["/confirm-email", "#%", { gate: "confirm-email", token: "" }],
  ["/sign-in-link", "#abc", { gate: "sign-in-link", token: "abc" }],
  ["/sign-in-link", "", { gate: "sign-in-link", token: "" }],
  ["/signed-in", "", { gate: "signed-in", token: "" }],
])("%s%s", (pathname, hash, found) => {
  expect(gateIn({ pathname, hash })).toEqual(found);
});
