/** Narrowing the list of controls; pure, so that every page counts the same way. */

import { type Look, lookOfControl } from "./look";
import type { PostureControl } from "../api/types";

export interface ControlFilter {
  state?: string | undefined;
  q?: string | undefined;
}

export function stateCounts(controls: readonly PostureControl[]): Partial<Record<Look, number>> {
  const counts: Partial<Record<Look, number>> = {};
  for (const control of controls) {
    const look = lookOfControl(control.state);
    counts[look] = (counts[look] ?? 0) + 1;
  }
  return counts;
}

/** The controls in this state whose own words, or those of one of their checks, contain the text. */
export function filterControls(controls: readonly PostureControl[], { state, q }: ControlFilter): PostureControl[] {
  const needle = q?.toLowerCase();
  return controls.filter((control) => {
    if (state && lookOfControl(control.state) !== state) return false;
    if (!needle) return true;
    const words = [
      control.id,
      control.title,
      control.plain_title,
      ...control.checks.flatMap((c) => [c.check_id, c.title, c.asset_name]),
    ];
    return words.some((word) => word.toLowerCase().includes(needle));
  });
}
