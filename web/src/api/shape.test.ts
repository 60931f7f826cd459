import { expect, it } from "vitest";
import { ApiError } from "./errors";
import { checkShape, listing } from "./shape";

it.each([undefined, null, "text", 7, [], {}, { items: 7 }, { items: {} }, { items: null }])(
  "%j is no listing",
  (answer) => {
    expect(() => checkShape(answer, listing)).toThrow(ApiError);
  },
);

it("takes a listing, and objects where objects are due", () => {
  expect(() => checkShape({ items: [] }, listing)).not.toThrow();
  expect(() => checkShape({ counts: {} }, { counts: "object" })).not.toThrow();
  expect(() => checkShape({ counts: [] }, { counts: "object" })).toThrow(ApiError);
});
