/** Whole numbers are those that every reader holds exactly, as in the Rust reader, whatever its native range is. */

import { describe, expect, it } from "vitest";
import { utf8 } from "./bytes";
import { readJson } from "./json";

const read = (number: bigint) => readJson(utf8(`[${number}]`), 100);

describe("the range of whole numbers", () => {
  it.each([2n ** 53n, 2n ** 63n - 1n, 2n ** 63n])("ends before ±%s", (number) => {
    expect(() => read(number)).toThrow(expect.objectContaining({ reason: "json_number" }));
    expect(() => read(-number)).toThrow(expect.objectContaining({ reason: "json_number" }));
  });

  it("includes ±(2^53 − 1)", () => {
    const number = 2n ** 53n - 1n;
    expect([read(number), read(-number)]).toEqual([[Number(number)], [-Number(number)]]);
  });
});
