import { describe, expect, it } from "vitest";
import { type Look, lookOfCheck, lookOfControl, looks, lookWord, whyQuestion } from "./look";

const verdicts = [
  "pass",
  "fail",
  "unknown",
  "error",
  "not_applicable",
  "PASS",
  "passed",
  "ok",
  "warning",
  "",
  "undefined",
];
const freshnesses = ["fresh", "stale", "", "FRESH", "unknown", "undefined"];
const states = [
  "pass",
  "fail",
  "not_assessed",
  "stale",
  "not_applicable",
  "not_covered",
  "Pass",
  "passing",
  "",
  "unknown",
  "null",
];

describe("the look of a check", () => {
  for (const verdict of verdicts) {
    for (const freshness of freshnesses) {
      const green = verdict === "pass" && freshness === "fresh";
      it(`${JSON.stringify(verdict)}, ${JSON.stringify(freshness)} ${green ? "is" : "is never"} a pass`, () => {
        expect(lookOfCheck(verdict, freshness) === "pass").toBe(green);
      });
    }
  }

  it.each<[string, string, Look]>([
    ["fail", "fresh", "fail"],
    ["fail", "stale", "stale"],
    ["pass", "stale", "stale"],
    ["unknown", "fresh", "unknown"],
    ["error", "fresh", "error"],
    ["error", "stale", "stale"],
    ["not_applicable", "stale", "not_applicable"],
    ["excellent", "fresh", "unknown"],
  ])("%s, %s looks %s", (verdict, freshness, look) => {
    expect(lookOfCheck(verdict, freshness)).toBe(look);
  });
});

describe("the look of a control", () => {
  it.each(states)("%j is a pass only when it is one", (state) => {
    expect(lookOfControl(state) === "pass").toBe(state === "pass");
  });
});

describe("the words", () => {
  it("differ for every look", () => {
    expect(new Set(looks.map((look) => lookWord[look])).size).toBe(looks.length);
    expect(new Set(looks.map((look) => whyQuestion[look])).size).toBe(looks.length);
  });
});
