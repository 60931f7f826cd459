import type { Level } from "../auth/roles";
import { plural } from "../lib/format";
import type { Overview } from "../api/types";

/**
 * The sentence on top: how many sites need somebody. Never says that all is well while something
 * is not measured.
 */
export function headline(
  { attention_sites: sites, posture }: Pick<Overview, "attention_sites" | "posture">,
  level: Level,
): string {
  // A practice has somebody who looks after it: it is told, not called.
  if (sites > 0 && level === "practice") return `Open findings at ${plural(sites, "site")}`;
  if (sites > 0) return `${plural(sites, "site needs", "sites need")} you now`;
  if (posture.score === null) return "Nothing has been measured yet";
  if (posture.fail > 0) return "Nothing is urgent; some controls fail";
  if (posture.not_assessed > 0 || posture.stale > 0) return "Nothing fails; not everything is measured";
  return "Nothing needs you now";
}
