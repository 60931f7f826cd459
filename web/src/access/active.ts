import type { BreakGlass } from "../api/types";

/** What is open now; the end counts even before the server has noted it. */
export function activeNow(items: readonly BreakGlass[], now: number): BreakGlass[] {
  return items.filter(({ state, expires_at }) => state === "active" && (!expires_at || Date.parse(expires_at) > now));
}
