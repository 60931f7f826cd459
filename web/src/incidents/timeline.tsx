import { Link } from "@tanstack/react-router";
import { cx } from "../lib/cx";
import { Icon } from "../ui/icon";
import { Time } from "../ui/time";
import type { IncidentDetail } from "../api/types";
import { actorWord } from "./actor";
import { wordsOfState } from "./state";

/**
 * Every transition: who, why, when, and the entry that proves it. Where the state stays what it was, only its explanation
 * changed: that is said on one line, and not as a step.
 */
export function Timeline({ incident }: { incident: IncidentDetail }) {
  return (
    <ol className="px-4 py-3">
      {incident.transitions.map((step, i) => {
        const { word, icon, tone } = wordsOfState(step.to);
        const last = i === incident.transitions.length - 1;
        const moved = step.from !== step.to;
        return (
          <li key={i} className="relative grid grid-cols-[1.5rem_minmax(0,1fr)_auto] gap-x-3 pb-4 last:pb-1">
            {!last && <span aria-hidden="true" className="absolute top-6 bottom-0 left-3 w-px bg-line" />}
            {moved ? (
              <span
                className={cx(
                  "grid size-6 place-items-center rounded-full",
                  tone === "good"
                    ? "bg-pass-soft text-pass"
                    : tone === "bad"
                      ? "bg-fail-soft text-fail"
                      : tone === "warn"
                        ? "bg-stale-soft text-stale"
                        : "bg-accent-soft text-accent",
                )}
              >
                <Icon name={icon} size={12} />
              </span>
            ) : (
              <span
                aria-hidden="true"
                className="relative mt-2 size-1.5 place-self-start justify-self-center rounded-full bg-ink-3"
              />
            )}
            <div className="min-w-0">
              {moved && <p className="font-semibold">{word}</p>}
              <p className="text-ink-2">
                {step.cause} <span className="text-ink-3">· {actorWord(step)}</span>
              </p>
            </div>
            <div className={cx("text-right text-xs text-ink-3", !moved && "flex items-baseline gap-2")}>
              <Time at={step.at} focusable />
              {step.entry_index != null && (
                <div>
                  <Link
                    to="/sites/$siteId/evidence/$index"
                    params={{ siteId: incident.site_id, index: String(step.entry_index) }}
                    className="link"
                  >
                    entry {step.entry_index}
                  </Link>
                </div>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
