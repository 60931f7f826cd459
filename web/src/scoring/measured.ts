/**
 * What machines measure of the controls, and what only a person can state. A statement cannot be recorded here yet: its
 * control counts as not assessed, and what passes in part must not read like what passes.
 */

import { plural } from "../lib/format";
import type { PostureControl } from "../api/types";
import { lookOfControl, lookWord } from "./look";

export const unrecorded = "A statement cannot be recorded here yet: this control counts as not assessed.";
export const partUnrecorded = "The part that a person states cannot be recorded here yet.";

type Covered = Pick<PostureControl, "state" | "coverage_kind">;

/** The state of a control in words. Only what is measured as a whole says "Pass". */
export function controlWord({ state, coverage_kind }: Covered): string {
  const look = lookOfControl(state);
  return look === "pass" && coverage_kind !== "automated" ? "Measured part passes" : lookWord[look];
}

/** How far measuring goes, beside the score: what is left out puts a ceiling on it. */
export function reach(controls: readonly Covered[]): string {
  const applicable = controls.filter(({ state }) => state !== "not_applicable" && state !== "not_covered");
  const of = (kind: string) => applicable.filter(({ coverage_kind }) => coverage_kind === kind).length;
  const [inPart, stated] = [of("hybrid"), of("attestation")];
  const machines = `Machines measure ${of("automated") + inPart} of the ${plural(applicable.length, "control that applies", "controls that apply")}${inPart > 0 ? `, ${inPart} of them only in part` : ""}.`;
  if (stated === 0) return machines;
  return `${machines} ${stated} can only be stated by a person. That cannot be recorded here yet: ${stated === 1 ? "it counts" : "they count"} as not assessed, and the score cannot reach 100.`;
}
