/** The same overview, named as each kind of reader thinks of it. */

import type { Attention } from "../api/types";
import type { Level } from "../auth/roles";

export interface Words {
  sites: string;
  posture: string;
  allSites: string;
  /** Without a site: what to do, for those who can; what comes, for the others. */
  first: string;
  waiting: string;
  /** What one finds behind a line of what needs attention, where that has to be said. */
  proof?: string;
  healing: {
    title: string;
    resolved: string;
    notEffective: string;
    escalated: string;
    awaiting: string;
  };
}

const healing: Words["healing"] = {
  title: "Healing",
  resolved: "Healed by rules, observed again",
  notEffective: "Tried, not effective",
  escalated: "Handed to people",
  awaiting: "Waiting for approval",
};

export const overviewWords: Record<Level, Words> = {
  platform: {
    sites: "Sites",
    posture: "HIPAA in force, all sites",
    allSites: "All sites",
    first: "Name the partner, the practice and the site.",
    waiting: "Somebody who adds sites does it. They appear here by themselves.",
    healing,
  },
  partner: {
    sites: "Sites of your clinics",
    posture: "HIPAA in force, all your clinics",
    allSites: "All of them",
    first: "Name the practice and the site.",
    waiting: "Your administrator adds the first clinic. It appears here by itself.",
    healing,
  },
  practice: {
    sites: "Your sites",
    posture: "HIPAA in force, your practice",
    allSites: "All your sites",
    first: "Name the site.",
    waiting: "Your IT provider connects the first machine. Its posture appears here by itself.",
    proof: "Open a line to see what was measured, and the signed evidence of it.",
    healing: {
      title: "Repairs",
      resolved: "Repaired by itself, and measured again",
      notEffective: "Tried, without success",
      escalated: "Handed to your IT provider",
      awaiting: "Waiting for your IT provider's yes",
    },
  },
};

type Item = Pick<Attention, "kind" | "detail">;

/** What the title, which says what should be so, means for those who run it. */
const before: Record<string, string> = {
  incident: "Not met: ",
  awaiting_approval: "Approve a fix: ",
  escalated: "Escalated: ",
};

/** Who of those that look after a practice acts on it. The server's own words are for technicians. */
const acting: Record<string, string> = {
  incident: "Your IT provider has to see that it is put right.",
  awaiting_approval: "A repair is ready; your IT provider decides when it runs.",
  escalated: "It was handed to a person at your IT provider.",
  offline: "Nothing is measured there until your IT provider brings it back.",
  unmeasured: "Your IT provider finds out why nothing is measured.",
};

export function attentionWords({ kind, detail }: Item, level: Level): { before: string; detail: string } {
  if (level !== "practice") return { before: before[kind] ?? "", detail };
  return {
    before: Object.hasOwn(before, kind) ? "Not as it should be: " : "",
    detail: acting[kind] ?? "Your IT provider looks after it.",
  };
}
