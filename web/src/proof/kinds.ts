import type { IconName } from "../ui/icon";
import type { EvidenceKind } from "../api/types";

interface KindWords {
  word: string;
  meaning: string;
  icon: IconName;
}

export const kinds: Record<EvidenceKind, KindWords> = {
  check_run: { word: "Check run", meaning: "What checks measured", icon: "check" },
  heal: { word: "Heal", meaning: "What was changed, with the observation before and after", icon: "wrench" },
  heartbeat: { word: "Heartbeat", meaning: "Nothing changed since an earlier entry", icon: "health" },
  gap: { word: "Gap", meaning: "What was lost, and from when to when", icon: "more" },
  attestation: { word: "Attestation", meaning: "What a person stated", icon: "user" },
  incident: { word: "Incident", meaning: "A step in the life of an incident", icon: "incident" },
  key: { word: "Key", meaning: "A key was enrolled, rotated or revoked", icon: "key" },
  server_fact: { word: "Server fact", meaning: "A decision or change made on the server", icon: "settings" },
};

export function kindOf(kind: string): KindWords {
  return Object.hasOwn(kinds, kind)
    ? kinds[kind as EvidenceKind]
    : { word: kind, meaning: "A kind that this version does not know", icon: "evidence" };
}
