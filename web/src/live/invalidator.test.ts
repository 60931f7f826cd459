import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Invalidator, keysOf } from "./invalidator";

describe("the keys behind a change", () => {
  it.each([
    [
      '{"topic":"incident","site_id":"site_1","id":"inc_1"}',
      [["overview"], ["incidents"], ["incident", "inc_1"], ["site", "site_1"]],
    ],
    ['{"topic":"evidence","site_id":"site_1"}', [["overview"], ["sites"], ["site", "site_1"]]],
    ['{"topic":"appliance"}', [["overview"], ["appliances"], ["sites"], ["site"]]],
  ])("%s", (data, keys) => {
    expect(keysOf(data)).toEqual(keys);
  });

  it("errs on the side of asking again", () => {
    expect(keysOf("{")).toContainEqual(["site"]);
    expect(keysOf('{"topic":"new_thing"}')).toContainEqual(["site"]);
  });
});

describe("a burst of changes", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks once for each key", () => {
    const asked: unknown[] = [];
    const invalidator = new Invalidator((key) => asked.push(key));
    for (let i = 0; i < 500; i++) invalidator.take("change", '{"topic":"overview"}');
    expect(asked).toEqual([]);
    vi.runAllTimers();
    expect(asked).toEqual([["overview"]]);
  });

  it("asks for everything after a reset, and takes later changes again", () => {
    const asked: unknown[] = [];
    const invalidator = new Invalidator((key) => asked.push(key));
    invalidator.take("change", '{"topic":"overview"}');
    invalidator.take("reset", "");
    vi.runAllTimers();
    invalidator.take("change", '{"topic":"overview"}');
    vi.runAllTimers();
    expect(asked).toEqual([undefined, ["overview"]]);
  });
});
