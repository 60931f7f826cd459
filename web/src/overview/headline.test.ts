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
const item = (site_id: string) => ({ site_id }) as Overview["attention"][number];

it.each<[string, Partial<Overview["posture"]>, string[]]>([
  ["2 sites need you now", {}, ["a", "b", "a"]],
  ["1 site needs you now", {}, ["a"]],
  ["Nothing needs you now", {}, []],
  ["Nothing has been measured yet", { score: null, pass: 0 }, []],
  ["Nothing is urgent; some controls fail", { fail: 1 }, []],
  ["Nothing fails; not everything is measured", { stale: 1 }, []],
  ["Nothing fails; not everything is measured", { not_assessed: 1 }, []],
])("%s", (words, change, sites) => {
  expect(headline({ posture: { ...posture, ...change }, attention: sites.map(item) }, "platform")).toBe(words);
});

it("tells a practice without calling it", () => {
  expect(headline({ posture, attention: [item("a")] }, "practice")).toBe("Open findings at 1 site");
  expect(headline({ posture, attention: [] }, "practice")).toBe("Nothing needs you now");
});
