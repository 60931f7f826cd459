import { cx } from "../lib/cx";
import { Glyph } from "../ui/state";
import type { Step } from "./verification";

/** The steps of a verification, in order, each with its outcome in shape and words. */
export function Steps({ steps, compact = false }: { steps: readonly Step[]; compact?: boolean }) {
  return (
    <ol className={cx("grid px-4", compact ? "gap-1.5 py-3" : "gap-3 py-4")}>
      {steps.map((step) => (
        <li key={step.title} className="grid grid-cols-[1rem_minmax(0,1fr)] gap-x-2.5">
          <span className="mt-0.5">
            <Glyph look={step.ok ? "pass" : "fail"} size={compact ? 13 : 15} />
          </span>
          <div className="min-w-0">
            <p className={cx(!compact && "font-semibold")}>
              {step.title}
              <span className="sr-only">: {step.ok ? "holds" : "does not hold"}</span>
            </p>
            {(!compact || !step.ok) && step.detail && (
              <p className="text-ink-2 [overflow-wrap:anywhere]">{step.detail}</p>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}
