import { Chip, type Tone } from "../ui/chip";
import type { IconName } from "../ui/icon";
import type { IncidentState } from "../api/types";

interface Words {
  word: string;
  meaning: string;
  tone: Tone;
  icon: IconName;
}

export const incidentStates: Record<IncidentState, Words> = {
  open: { word: "Open", meaning: "Failing; nothing is being done at this moment", tone: "bad", icon: "incident" },
  healing: { word: "Healing", meaning: "A runbook is changing something", tone: "accent", icon: "wrench" },
  verifying: {
    word: "Verifying",
    meaning: "Changed; waiting for the second observation",
    tone: "accent",
    icon: "search",
  },
  awaiting_approval: { word: "Awaiting approval", meaning: "A plan waits for a person", tone: "accent", icon: "clock" },
  escalated: { word: "Escalated", meaning: "A person must act", tone: "bad", icon: "user" },
  suppressed: {
    word: "Suppressed",
    meaning: "Held back by an exception or a maintenance window; still failing",
    tone: "warn",
    icon: "clock",
  },
  resolved: { word: "Resolved", meaning: "Observed again, and it passed", tone: "good", icon: "check" },
  closed: { word: "Closed", meaning: "Out of scope: the machine or the check is gone", tone: "neutral", icon: "close" },
};

/** A state that this version does not know is still open, not resolved. */
const unknown = (state: string): Words => ({
  ...incidentStates.open,
  word: state,
  meaning: "A state that this version does not know",
});

export function wordsOfState(state: string): Words {
  return Object.hasOwn(incidentStates, state) ? incidentStates[state as IncidentState] : unknown(state);
}

export function IncidentStateChip({ state }: { state: string }) {
  const { word, meaning, tone, icon } = wordsOfState(state);
  return (
    <Chip tone={tone} icon={icon} tip={meaning}>
      {word}
    </Chip>
  );
}
