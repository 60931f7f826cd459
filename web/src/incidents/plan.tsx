import { Chip } from "../ui/chip";
import type { IncidentDetail } from "../api/types";

type Runbook = NonNullable<IncidentDetail["runbook"]>;

/** What would be done, value by value, and what becomes of it: nobody should approve what is not on the screen. */
export function Plan({ runbook }: { runbook: Runbook }) {
  return (
    <div className="grid gap-3">
      <div>
        <p className="flex flex-wrap items-center gap-2 font-semibold text-ink">
          {runbook.title}
          {runbook.disruptive && (
            <Chip tone="warn" icon="incident">
              Disruptive
            </Chip>
          )}
        </p>
        <p className="text-xs text-ink-3">
          <code>{runbook.id}</code>
        </p>
        <p className="mt-1">{runbook.description}</p>
      </div>
      <ol aria-label="Steps" className="list-decimal space-y-2 pl-5 text-ink">
        {runbook.steps.map((step, i) => (
          <li key={i} className="[overflow-wrap:anywhere]">
            {step.text}
            {step.lines.length > 0 && (
              <pre className="mono mt-1 rounded-md bg-inset px-3 py-2 text-xs whitespace-pre-wrap text-ink-2">
                {step.lines.join("\n")}
              </pre>
            )}
          </li>
        ))}
      </ol>
      <p>
        {runbook.disruptive && (
          <strong className="font-semibold text-stale">It may interrupt work at the practice for a moment. </strong>
        )}
        {runbook.rollback}
      </p>
    </div>
  );
}
