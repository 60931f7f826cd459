import { expect, it } from "vitest";
import { headline } from "./headline";
import type { Overview } from "../api/types";

const posture: Overview["posture"] = {
  score: 100,
  excepted_score: 100,
  coverage: 1,
  pass: 40,
  fail: 0,
  not_assessed: 0,
  stale: 0,
  not_applicable: 0,
};

it.each<[string, Partial<Overview["posture"]>, number]>([
  ["75 sites need you now", {}, 75],
  ["1 site needs you now", {}, 1],
  ["Nothing needs you now", {}, 0],
  ["Nothing has been measured yet", { score: null, pass: 0 }, 0],
  ["Nothing is urgent; some controls fail", { fail: 1 }, 0],
  ["Nothing fails; not everything is measured", { stale: 1 }, 0],
  ["Nothing fails; not everything is measured", { not_assessed: 1 }, 0],
])("%s", (words, change, sites) => {
  expect(headline({ posture: { ...posture, ...change }, attention_sites: sites }, "platform")).toBe(words);
});

it("tells a practice without calling it", () => {
  expect(headline({ posture, attention_sites: 1 }, "practice")).toBe("Open findings at 1 site");
  expect(headline({ posture, attention_sites: 0 }, "practice")).toBe("Nothing needs you now");
});
