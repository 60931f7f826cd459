/** A state as shape, colour and word; see `scoring/look.ts` for which state gets which. */

import type { ReactNode } from "react";
import { cx } from "../lib/cx";
import { type Look, lookMeaning, lookWord } from "../scoring/look";

const ink: Record<Look, string> = {
  pass: "text-pass",
  fail: "text-fail",
  unknown: "text-unknown",
  error: "text-unknown",
  not_assessed: "text-unknown",
  stale: "text-stale",
  not_applicable: "text-ink-3",
  not_covered: "text-ink-3",
};

const tint: Record<Look, string> = {
  pass: "bg-pass-soft text-pass",
  fail: "bg-fail-soft text-fail",
  unknown: "bg-unknown-soft text-unknown",
  error: "bg-unknown-soft text-unknown",
  not_assessed: "bg-unknown-soft text-unknown",
  stale: "bg-stale-soft text-stale",
  not_applicable: "bg-inset text-ink-2",
  not_covered: "border border-dashed border-edge text-ink-2",
};

const outline = {
  fill: "none",
  stroke: "currentColor",
  strokeWidth: 1.5,
  strokeLinecap: "round",
  strokeLinejoin: "round",
} as const;
const cut = { ...outline, stroke: "var(--panel)", strokeWidth: 2 } as const;

const shape: Record<Look, ReactNode> = {
  pass: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m4.8 8.2 2.3 2.3 4.2-4.7" {...cut} />
    </>
  ),
  fail: (
    <>
      <rect x="1.2" y="1.2" width="13.6" height="13.6" rx="2.5" fill="currentColor" />
      <path d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4" {...cut} />
    </>
  ),
  unknown: (
    <>
      <path d="M8 1.2 14.8 8 8 14.8 1.2 8z" {...outline} />
      <path d="M6.6 6.5c.1-1 .7-1.5 1.5-1.5.9 0 1.5.5 1.5 1.3 0 1-1.5 1.1-1.5 2.3M8.1 10.9v.1" {...outline} />
    </>
  ),
  error: (
    <>
      <path d="M8 1.8 15 14H1z" {...outline} />
      <path d="M8 6.4v3.2M8 11.8v.1" {...outline} strokeWidth={1.7} />
    </>
  ),
  not_assessed: (
    <>
      <path d="M8 1.2 14.8 8 8 14.8 1.2 8z" {...outline} />
      <path d="m4.6 8 3.4-3.4M5.9 10.1l4.2-4.2M8 11.4 11.4 8" {...outline} strokeWidth={1.3} />
    </>
  ),
  stale: (
    <>
      <circle cx="8" cy="8" r="6.6" {...outline} strokeDasharray="3.2 2" />
      <path d="M8 4.6V8l2.3 1.5" {...outline} />
    </>
  ),
  not_applicable: <path d="M3.5 8h9" {...outline} strokeWidth={2} />,
  not_covered: <rect x="2" y="2" width="12" height="12" rx="2" {...outline} strokeDasharray="1.5 2.5" />,
};

export function Glyph({ look, size = 16, labelled = false }: { look: Look; size?: number; labelled?: boolean }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width={size}
      height={size}
      className={cx("glyph shrink-0", ink[look])}
      {...(labelled ? { role: "img", "aria-label": lookWord[look] } : { "aria-hidden": true })}
    >
      {shape[look]}
    </svg>
  );
}

/** Glyph and word on the state's tint. `children` replaces the word by a longer one. */
export function StateChip({ look, children }: { look: Look; children?: ReactNode }) {
  return (
    <span
      className={cx(
        "inline-flex items-center gap-1.5 rounded-md px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        tint[look],
      )}
      data-look={look}
      data-tip={lookMeaning[look]}
    >
      <Glyph look={look} size={12} />
      {children ?? lookWord[look]}
    </span>
  );
}
