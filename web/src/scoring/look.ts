/**
 * How a state looks and what it is called. The one place that decides it, for every screen.
 *
 * The promise: only a fresh `pass` gets the look of a pass. Whatever else arrives, a state that
 * this version has never heard of included, looks like what it is: not assessed.
 */

export type Look = "pass" | "fail" | "unknown" | "error" | "not_assessed" | "stale" | "not_applicable" | "not_covered";

export const looks: readonly Look[] = [
  "pass",
  "fail",
  "unknown",
  "error",
  "not_assessed",
  "stale",
  "not_applicable",
  "not_covered",
];

export const lookWord: Record<Look, string> = {
  pass: "Pass",
  fail: "Fail",
  unknown: "Unknown",
  error: "Error",
  not_assessed: "Not assessed",
  stale: "Stale",
  not_applicable: "Not applicable",
  not_covered: "Not covered",
};

/** What the state means, for someone who sees it for the first time. */
export const lookMeaning: Record<Look, string> = {
  pass: "Measured recently, and as expected.",
  fail: "Measured, and not as expected.",
  unknown: "It could not be decided: a tool is missing or its answer was not understood. Never counted as a pass.",
  error: "The measurement broke: permission denied or a time-out. Never counted as a pass.",
  not_assessed: "Nothing measured it, or it could not be measured. Never counted as a pass.",
  stale: "The last measurement is too old to rely on. Never counted as a pass.",
  not_applicable: "It has no meaning on this machine or in this role.",
  not_covered: "Proofline does not look at this. Somebody else must.",
};

/** The look of one check on one asset. */
export function lookOfCheck(verdict: string, freshness: string): Look {
  if (verdict === "not_applicable") return "not_applicable";
  if (freshness === "stale") return "stale";
  if (verdict === "fail") return "fail";
  if (verdict === "error") return "error";
  return verdict === "pass" && freshness === "fresh" ? "pass" : "unknown";
}

/** The look of one control. */
export function lookOfControl(state: string): Look {
  switch (state) {
    case "pass":
    case "fail":
    case "stale":
    case "not_applicable":
    case "not_covered":
      return state;
    default:
      return "not_assessed";
  }
}

/** The question that the panel behind a cell answers. */
export const whyQuestion: Record<Look, string> = {
  pass: "Why is this green?",
  fail: "Why does this fail?",
  unknown: "Why is this unknown?",
  error: "Why could this not be measured?",
  not_assessed: "Why is this not assessed?",
  stale: "Why is this stale?",
  not_applicable: "Why does this not apply?",
  not_covered: "Why is this not covered?",
};
