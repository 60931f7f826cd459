import { describe, expect, it } from "vitest";
import { controlWord, reach } from "./measured";

const control = (coverage_kind: string, state = "pass") => ({ coverage_kind, state });

it.each([
  ["Pass", "automated", "pass"],
  ["Measured part passes", "hybrid", "pass"],
  ["Measured part passes", "something newer", "pass"],
  ["Fail", "hybrid", "fail"],
  ["Stale", "hybrid", "stale"],
  ["Not assessed", "attestation", "not_assessed"],
])("says %s of a control of kind %s in state %s", (word, kind, state) => {
  expect(controlWord(control(kind, state))).toBe(word);
});

describe("how far measuring goes", () => {
  it("names what only a person can state, and the ceiling", () => {
    const controls = [
      control("automated"),
      control("hybrid", "fail"),
      control("attestation", "not_assessed"),
      control("attestation", "not_assessed"),
      control("automated", "not_applicable"),
      control("not_covered", "not_covered"),
    ];
    expect(reach(controls)).toBe(
      "Machines measure 2 of the 4 controls that apply, 1 of them only in part. 2 can only be stated by a person. " +
        "That cannot be recorded here yet: they count as not assessed, and the score cannot reach 100.",
    );
  });

  it("speaks of no ceiling where there is none", () => {
    expect(reach([control("automated")])).toBe("Machines measure 1 of the 1 control that applies.");
  });
});
