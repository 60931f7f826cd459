import type { ReactNode } from "react";
import { cx } from "../lib/cx";
import { Icon, type IconName } from "./icon";

export type Tone = "neutral" | "accent" | "good" | "bad" | "warn" | "odd";

const tones: Record<Tone, string> = {
  neutral: "bg-inset text-ink-2",
  accent: "bg-accent-soft text-accent",
  good: "bg-pass-soft text-pass",
  bad: "bg-fail-soft text-fail",
  warn: "bg-stale-soft text-stale",
  odd: "bg-unknown-soft text-unknown",
};

/** A short word about something that is not a verdict: a status, a mode, a kind. */
export function Chip({
  tone = "neutral",
  icon,
  tip,
  children,
}: {
  tone?: Tone;
  icon?: IconName;
  tip?: string;
  children: ReactNode;
}) {
  return (
    <span
      data-tip={tip}
      className={cx(
        "inline-flex items-center gap-1.5 rounded-md px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        tones[tone],
      )}
    >
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}
