/** Whether an appliance is there. The shapes differ from verdicts: presence is no measurement. */

import type { ReactNode } from "react";
import { Chip, type Tone } from "../ui/chip";

export type Presence = "online" | "stale" | "offline" | "pending" | "revoked" | "none";

export const presenceWord: Record<Presence, string> = {
  online: "Online",
  stale: "Quiet",
  offline: "Offline",
  pending: "Never seen",
  revoked: "Revoked",
  none: "No appliance",
};

const meaning: Record<Presence, string> = {
  online: "Checked in within the last 5 minutes",
  stale: "Last check-in between 5 minutes and 1 hour ago",
  offline: "No check-in for 1 hour or more",
  pending: "Enrolled, but has not checked in yet",
  revoked: "Its key is revoked; whatever it sends is refused",
  none: "No appliance is enrolled for this site",
};

const tones: Record<Presence, Tone> = {
  online: "good",
  stale: "warn",
  offline: "bad",
  pending: "neutral",
  revoked: "neutral",
  none: "neutral",
};
const inks: Record<Presence, string> = {
  online: "text-pass",
  stale: "text-stale",
  offline: "text-fail",
  pending: "text-ink-3",
  revoked: "text-ink-3",
  none: "text-ink-3",
};

const bars = (filled: number) =>
  [0, 1, 2].map((i) => (
    <rect
      key={i}
      x={1.5 + i * 3.5}
      y={8.5 - i * 3}
      width="2.2"
      height={2 + i * 3}
      rx="0.8"
      fill="currentColor"
      opacity={i < filled ? 1 : 0.25}
    />
  ));

const shapes: Record<Presence, ReactNode> = {
  online: bars(3),
  stale: bars(1),
  offline: (
    <>
      {bars(0)}
      <path d="m1.5 1.5 9 9" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
    </>
  ),
  pending: bars(0),
  revoked: <path d="m2 2 8 8M10 2l-8 8" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />,
  none: <path d="M2 6h8" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />,
};

/** A status that this version does not know is shown as never seen: never as online. */
export function presenceOf(status: string): Presence {
  return Object.hasOwn(presenceWord, status) ? (status as Presence) : "pending";
}

export function PresenceGlyph({ status }: { status: string }) {
  const presence = presenceOf(status);
  return (
    <svg aria-hidden="true" viewBox="0 0 12 12" width="12" height="12" className={`shrink-0 ${inks[presence]}`}>
      {shapes[presence]}
    </svg>
  );
}

export function PresenceChip({ status }: { status: string }) {
  const presence = presenceOf(status);
  return (
    <Chip tone={tones[presence]} tip={meaning[presence]}>
      <PresenceGlyph status={presence} />
      {presenceWord[presence]}
    </Chip>
  );
}
