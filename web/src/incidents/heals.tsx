import { Link } from "@tanstack/react-router";
import { cx } from "../lib/cx";
import { Chip, type Tone } from "../ui/chip";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { StateChip } from "../ui/state";
import { Time } from "../ui/time";
import { lookOfCheck } from "../scoring/look";
import type { Heal, IncidentDetail } from "../api/types";

const outcomes: Record<string, { word: string; tone: Tone }> = {
  resolved: { word: "Resolved", tone: "good" },
  not_effective: { word: "Not effective", tone: "bad" },
  failed: { word: "Failed", tone: "bad" },
  rolled_back: { word: "Rolled back", tone: "warn" },
};

/** What was tried. The second observation is the verdict, not the success of a command. */
export function Heals({ incident }: { incident: IncidentDetail }) {
  if (incident.heals.length === 0) return null;
  return incident.heals.map((heal, i) => {
    const outcome = outcomes[heal.outcome] ?? { word: heal.outcome, tone: "neutral" as const };
    return (
      <Panel
        key={`${heal.at} ${heal.entry_index}`}
        title={incident.heals.length > 1 ? `Attempt ${i + 1}` : "What was done"}
        note={<Chip tone={outcome.tone}>{outcome.word}</Chip>}
        action={
          <Link
            to="/sites/$siteId/evidence/$index"
            params={{ siteId: incident.site_id, index: String(heal.entry_index) }}
            className="link"
          >
            Evidence entry {heal.entry_index}
          </Link>
        }
      >
        <div className="grid divide-hair max-sm:divide-y sm:grid-cols-2 sm:divide-x">
          <Observation title="Before" seen={heal.before} />
          <Observation title="After" seen={heal.after} changed={heal.before.observed !== heal.after.observed} />
        </div>
        <div className="border-t border-hair px-4 py-3">
          <p className="mb-2 text-ink-2">
            Runbook <code>{heal.runbook}</code>
            {heal.rule && (
              <>
                {" "}
                by rule <code>{heal.rule.split("#")[0]}</code>
              </>
            )}
            , <Time at={heal.at} focusable />
          </p>
          <ol className="grid gap-1.5">
            {heal.steps.map((step) => (
              <li key={step.step} className="flex items-start gap-2">
                <Icon
                  name={step.outcome === "ok" ? "check" : step.outcome === "failed" ? "close" : "right"}
                  size={13}
                  className={cx(
                    "mt-1",
                    step.outcome === "ok" ? "text-pass" : step.outcome === "failed" ? "text-fail" : "text-ink-3",
                  )}
                />
                <span>
                  {step.step}
                  <span className="sr-only">: {step.outcome}</span>
                  {step.detail && <span className="text-ink-3"> · {step.detail}</span>}
                </span>
              </li>
            ))}
          </ol>
        </div>
      </Panel>
    );
  });
}

function Observation({ title, seen, changed = false }: { title: string; seen: Heal["before"]; changed?: boolean }) {
  return (
    <section aria-label={title} className="grid content-start gap-1.5 px-4 py-3">
      <h3 className="flex items-center gap-2 text-xs text-ink-3">
        {title} <StateChip look={lookOfCheck(seen.verdict, "fresh")} />
      </h3>
      <p>
        <code className={cx("text-md", changed && "rounded-sm bg-accent-soft px-1")}>
          {seen.observed || "nothing observed"}
        </code>
      </p>
      <p className="text-xs text-ink-3">
        expected <code>{seen.expected}</code>
        {seen.reason && `, ${seen.reason}`}
      </p>
    </section>
  );
}
