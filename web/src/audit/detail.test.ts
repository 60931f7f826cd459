import { expect, it } from "vitest";
import { shortId } from "../lib/format";
import { detailText } from "./detail";

it.each([
  ["reason: role staff_readonly", { reason: "role staff_readonly" }],
  ["rows sealed: 3", { ended: null, rows_sealed: 3 }],
  ["", { ended: null }],
  ["as it is", "as it is"],
  ["", null],
])("%j is what %j says", (text, detail) => {
  expect(detailText(detail)).toBe(text);
});

it("shortens the id of a request, and no words in its place", () => {
  expect(shortId("req_01k9m2v4c8q7r5t3w1x6y0z2aa")).toBe("req_…y0z2aa");
  expect(shortId("command line")).toBe("command line");
});
