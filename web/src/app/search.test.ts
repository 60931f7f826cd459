import { describe, expect, it } from "vitest";
import { checked, isIndex, oneOf } from "./search";

describe("what an address says", () => {
  it("is laid over the raw value, so that what does not fit is gone", () => {
    const raw = { state: "bogus" };
    expect({ ...raw, ...checked({ state: oneOf(raw, "state", ["open"]) }) }).toEqual({ state: undefined });
  });

  it.each([
    ["0", true],
    ["241", true],
    ["abc", false],
    ["-1", false],
    ["1.5", false],
    ["", false],
    ["99999999999999999999", false],
  ])("%j as a position in a log: %s", (text, fits) => {
    expect(isIndex(text)).toBe(fits);
  });
});
