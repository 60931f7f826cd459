import { describe, expect, it } from "vitest";
import { byFamily } from "./families";
import { filterControls, stateCounts } from "./filter";
import type { PostureControl } from "../api/types";

const control = (id: string, state: string, words = ""): PostureControl => ({
  id,
  title: "Title",
  plain_title: words,
  kind: "required",
  coverage_kind: "automated",
  coverage_reason: "",
  severity: "high",
  state: state as PostureControl["state"],
  checks: [],
});

const controls = [
  control("164.312(a)(1)", "pass", "Access"),
  control("164.308(a)(8)", "fail"),
  control("164.999(x)", "brand_new"),
];

describe("the list of controls", () => {
  it("counts a state that it does not know as not assessed", () => {
    expect(stateCounts(controls)).toEqual({ pass: 1, fail: 1, not_assessed: 1 });
  });

  it("narrows by state and by words", () => {
    expect(filterControls(controls, { state: "not_assessed" }).map(({ id }) => id)).toEqual(["164.999(x)"]);
    expect(filterControls(controls, { q: "ACCESS" }).map(({ id }) => id)).toEqual(["164.312(a)(1)"]);
  });

  it("loses no control when it sorts them into sections", () => {
    expect(byFamily(controls).flatMap((family) => family.controls)).toHaveLength(controls.length);
  });
});
