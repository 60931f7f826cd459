/** Score, coverage and the counts behind them. A score never stands without its coverage. */

import { cx } from "../lib/cx";
import { count, percent, scoreText } from "../lib/format";
import { type Look, looks, lookOfControl, lookWord } from "../scoring/look";
import { Glyph } from "./state";

/** A figure, or none: nothing was measured. */
type Measured = number | null | undefined;

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** For table cells: the score, or the words that there is none. */
export function ScoreText({ score }: { score: Measured }) {
  if (!isNumber(score)) return <span className="whitespace-nowrap text-ink-3">not measured</span>;
  return <span className="font-semibold">{scoreText(score)}</span>;
}

export function CoverageText({ coverage }: { coverage: Measured }) {
  if (!isNumber(coverage)) return <span className="text-ink-3">none</span>;
  return <span>{percent(coverage)}</span>;
}

/** The large figure of a panel. */
export function ScoreFigure({
  score,
  excepted,
  coverage,
}: {
  score: Measured;
  excepted?: Measured;
  coverage: Measured;
}) {
  return (
    <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
      {isNumber(score) ? (
        <p className="text-3xl font-semibold tracking-tight">
          {scoreText(score)}
          <span className="ml-1 text-sm font-normal tracking-normal text-ink-3">of 100</span>
        </p>
      ) : (
        <p className="text-xl font-semibold text-ink-2">Not measured</p>
      )}
      <p className="text-ink-2">
        {isNumber(coverage) ? (
          <>
            <strong className="font-semibold text-ink">{percent(coverage)}</strong> of controls assessed
          </>
        ) : (
          "no control assessed yet"
        )}
      </p>
      {isNumber(excepted) && isNumber(score) && Math.abs(excepted - score) >= 0.05 && (
        <p className="w-full text-xs text-ink-3">
          {scoreText(excepted)} with accepted exceptions; exceptions never turn a fail into a pass.
        </p>
      )}
    </div>
  );
}

export type Counts = Partial<Record<Look, number>>;

const fill: Record<Look, string> = {
  pass: "bg-pass",
  fail: "bg-fail",
  unknown: "bg-hatch",
  error: "bg-hatch",
  not_assessed: "bg-hatch",
  stale: "bg-hollow",
  not_applicable: "bg-line",
  not_covered: "bg-line",
};

/** Parts of a whole, in a fixed order; each part also differs in texture, and the legend has the words. */
export function CountsBar({ counts, unit }: { counts: Counts; unit: string }) {
  const parts = looks.map((look) => ({ look, n: counts[look] ?? 0 })).filter(({ n }) => n > 0);
  const total = parts.reduce((sum, { n }) => sum + n, 0);
  return (
    <div>
      <div className="flex h-2 gap-0.5 overflow-hidden rounded-full bg-inset" aria-hidden="true">
        {parts.map(({ look, n }) => (
          <span key={look} className={cx("min-w-1", fill[look])} style={{ flexGrow: n, flexBasis: 0 }} />
        ))}
      </div>
      <ul className="mt-2.5 flex flex-wrap gap-x-4 gap-y-1 text-xs text-ink-2" aria-label={`${count(total)} ${unit}`}>
        {parts.map(({ look, n }) => (
          <li key={look} className="inline-flex items-center gap-1.5">
            <Glyph look={look} size={11} />
            {lookWord[look]} <span className="font-medium text-ink">{count(n)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

const column = 6;
const row = 11;

/**
 * One mark for each control, always in the same order, in two or three lines: full for pass, full and wide
 * for fail, hollow for not assessed, half for stale, a dot for what does not apply.
 */
export function Strip({ states }: { states: readonly string[] }) {
  const lines = states.length > 44 ? 3 : 2;
  const perLine = Math.ceil(states.length / lines);
  const marks: Partial<Record<Look, string>> = {};
  const counts: Counts = {};
  states.forEach((state, i) => {
    const look = lookOfControl(state);
    const x = (i % perLine) * column;
    const y = Math.floor(i / perLine) * row;
    marks[look] = (marks[look] ?? "") + mark(look, x, y);
    counts[look] = (counts[look] ?? 0) + 1;
  });
  const words = looks.flatMap((look) => (counts[look] ? [`${counts[look]} ${lookWord[look].toLowerCase()}`] : []));
  if (states.length === 0) return <span className="text-ink-3">none</span>;
  return (
    <svg
      role="img"
      aria-label={`Controls: ${words.join(", ")}`}
      data-tip={words.join(" · ")}
      viewBox={`-0.5 0 ${perLine * column} ${row * lines - 1}`}
      width={perLine * column}
      height={row * lines - 1}
      className="glyph block"
    >
      {marks.pass && <path d={marks.pass} className="fill-pass opacity-85" />}
      {marks.fail && <path d={marks.fail} className="fill-fail" />}
      {marks.not_assessed && <path d={marks.not_assessed} className="fill-none stroke-unknown" />}
      {marks.stale && <path d={marks.stale} className="fill-stale" />}
      {(marks.not_applicable || marks.not_covered) && (
        <path d={`${marks.not_applicable ?? ""}${marks.not_covered ?? ""}`} className="fill-edge" />
      )}
    </svg>
  );
}

function mark(look: Look, x: number, y: number): string {
  switch (look) {
    case "pass":
      return `M${x} ${y}h5v10h-5z`;
    case "fail":
      return `M${x - 0.5} ${y}h6v10h-6z`;
    case "stale":
      return `M${x} ${y}h5v2h-5zM${x} ${y + 6}h5v4h-5z`;
    case "not_applicable":
    case "not_covered":
      return `M${x + 1.5} ${y + 4}h2v2h-2z`;
    case "unknown":
    case "error":
    case "not_assessed":
      return `M${x + 0.5} ${y + 0.5}h4v9h-4z`;
  }
}
