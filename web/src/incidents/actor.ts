/** Who took a step of an incident, as people say it. */

import type { IncidentDetail } from "../api/types";

type Step = IncidentDetail["transitions"][number];

const words: Record<string, string> = {
  agent: "the agent",
  server: "the server",
  l1: "a rule",
  l2: "the planner",
};

/** An id says nothing to a reader: whoever has no name here any more is somebody. */
export function actorWord({ actor, actor_name }: Pick<Step, "actor" | "actor_name">): string {
  if (actor.startsWith("user:")) return actor_name || "somebody";
  if (actor.startsWith("order:")) return "an order";
  return words[actor] ?? actor;
}
