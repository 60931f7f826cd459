import { type QueryClient, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useLevel } from "../auth/context";
import { plural } from "../lib/format";
import { Crumbs } from "../ui/crumbs";
import { ErrorNote } from "../ui/error-note";
import { Fact, Facts } from "../ui/facts";
import { PageHead } from "../ui/page-head";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Severity } from "../ui/severity";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { StateChip } from "../ui/state";
import { Time } from "../ui/time";
import { ModeChip } from "../appliances/mode";
import { lookOfCheck } from "../scoring/look";
import { Actions } from "./actions";
import { ByHand, isByHand } from "./by-hand";
import { Heals } from "./heals";
import type { IncidentDetail } from "../api/types";
import { plainly } from "./plain";
import { Plan } from "./plan";
import { incidentQuery } from "./queries";
import { IncidentStateChip } from "./state";
import { titleOf } from "./title";
import { Timeline } from "./timeline";

const route = getRouteApi("/incidents/$incidentId");

export function prefetch(client: QueryClient, id: string): void {
  void client.prefetchQuery(incidentQuery(id));
}

export function Page() {
  const { incidentId } = route.useParams();
  const query = useQuery(incidentQuery(incidentId));
  const incident = query.data;
  return (
    <>
      <Crumbs
        trail={[
          { label: "Incidents", link: { to: "/incidents" } },
          ...(incident
            ? [
                {
                  label: incident.site_name,
                  link: { to: "/sites/$siteId" as const, params: { siteId: incident.site_id } },
                },
              ]
            : []),
        ]}
      />
      {incident ? (
        <PageHead
          title={titleOf(incident.title, incident.resolved_at == null)}
          sub={
            <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <IncidentStateChip state={incident.state} />
              <Severity value={incident.severity} />
              <span>
                {incident.asset_name} at{" "}
                <Link to="/sites/$siteId" params={{ siteId: incident.site_id }} className="link">
                  {incident.site_name}
                </Link>
              </span>
              <span className="text-ink-3">
                opened <Time at={incident.opened_at} focusable />
              </span>
            </span>
          }
          actions={<Actions incident={incident} />}
        />
      ) : query.isError ? (
        <>
          <PageHead title="Incident" />
          <div className="panel">
            <ErrorNote error={query.error} what="Incident" onRetry={() => void query.refetch()} />
          </div>
        </>
      ) : (
        <div className="mb-5" aria-hidden="true">
          <Bar className="mb-2 h-6 w-80 max-w-full" />
          <Bar className="w-64" />
        </div>
      )}
      {!(query.isError && !incident) && (
        <QueryView
          query={query}
          what="Incident"
          skeleton={
            <div className="panel">
              <RowsSkeleton rows={6} tall />
            </div>
          }
        >
          {(data) => <Detail incident={data} />}
        </QueryView>
      )}
    </>
  );
}

function Detail({ incident }: { incident: IncidentDetail }) {
  const open = incident.resolved_at == null;
  return (
    <div className="grid items-start gap-3.5 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="grid min-w-0 gap-3.5">
        {isByHand(incident) ? <ByHand incident={incident} /> : <Standing incident={incident} />}
        <Heals incident={incident} />
        {open && (incident.runbook || !isByHand(incident)) && (
          <Panel title={incident.state === "awaiting_approval" ? "The plan" : "Runbook"}>
            <Runbook runbook={incident.runbook} />
          </Panel>
        )}
        <Panel title="Timeline" note="oldest first">
          <Timeline incident={incident} />
        </Panel>
      </div>
      <div className="grid gap-3.5">
        <Panel title="Last observation">
          <LastObservation incident={incident} />
        </Panel>
        <Panel title="Why it matters">
          <div className="grid gap-2 px-4 py-3">
            <p>{incident.check.why_it_matters}</p>
            <p className="text-ink-2">{incident.check.consequence}</p>
          </div>
          <Facts className="border-t border-hair">
            <Fact name="Check">
              <code>{incident.check_id}</code>
            </Fact>
            <Fact name="Controls">{incident.check.controls.join(", ") || "none"}</Fact>
            <Fact name="Came back">{incident.recurrences > 0 ? plural(incident.recurrences, "time") : "never"}</Fact>
            <Fact name="Mode">
              <ModeChip mode={incident.mode} />
            </Fact>
          </Facts>
        </Panel>
      </div>
    </div>
  );
}

function Standing({ incident }: { incident: IncidentDetail }) {
  const level = useLevel();
  const ended = incident.resolved_at != null;
  if (level === "practice") {
    return (
      <Panel title={ended ? "How it ended" : "What happens now"}>
        <p className="px-4 pt-3 text-md">{plainly(incident.state)}</p>
        <p className="px-4 pt-1 pb-3 text-ink-2">For technicians: {incident.why}</p>
      </Panel>
    );
  }
  return (
    <Panel title={ended ? "How it ended" : incident.heals.length > 0 ? "Where it stands" : "Why did nothing run?"}>
      <p className="px-4 py-3 text-md">{incident.why}</p>
    </Panel>
  );
}

function LastObservation({ incident: { last_observation: seen } }: { incident: IncidentDetail }) {
  if (!seen) return <p className="px-4 py-3 text-ink-2">Nothing was observed since the incident opened.</p>;
  return (
    <Facts>
      <Fact name="Verdict">
        <StateChip look={lookOfCheck(seen.verdict, "fresh")} />
      </Fact>
      <Fact name="When">
        <Time at={seen.at} focusable />
      </Fact>
      <Fact name="Observed">
        <code>{seen.observed || "nothing"}</code>
      </Fact>
      <Fact name="Expected">
        <code>{seen.expected}</code>
      </Fact>
      {seen.reason && <Fact name="Reason">{seen.reason}</Fact>}
      <Fact name="Read from">
        <code>{seen.location}</code>
      </Fact>
    </Facts>
  );
}

function Runbook({ runbook }: { runbook: IncidentDetail["runbook"] }) {
  if (!runbook)
    return (
      <p className="px-4 py-3 text-ink-2">
        There is no runbook for this check: a person must fix it. The check runs by itself and closes the incident.
      </p>
    );
  return (
    <div className="px-4 py-3 text-ink-2">
      <Plan runbook={runbook} />
    </div>
  );
}
