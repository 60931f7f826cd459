import { type QueryClient, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useDenied, useLevel } from "../auth/context";
import { plural } from "../lib/format";
import { overviewQuery } from "./queries";
import { SitesTable } from "../tenants/sites-table";
import { Empty } from "../ui/empty";
import { ErrorNote } from "../ui/error-note";
import { PageHead } from "../ui/page-head";
import { Panel } from "../ui/panel";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { QueryView, RefreshNote } from "../ui/query-view";
import { CountsBar, ScoreFigure } from "../ui/score";
import { AttentionList } from "./attention";
import { BillingHome } from "./billing-home";
import { headline } from "./headline";
import { Healing, Presence } from "./side-panels";
import { overviewWords } from "./words";
import type { Overview } from "../api/types";

export function prefetch(client: QueryClient): void {
  void client.prefetchQuery(overviewQuery());
}

export function Page() {
  const denied = useDenied();
  return denied("overview.read") ? <BillingHome /> : <Overviewed />;
}

function Overviewed() {
  const level = useLevel();
  const words = overviewWords[level];
  const query = useQuery(overviewQuery());
  if (query.isError && !query.data) {
    return (
      <>
        <PageHead title="Overview" />
        <div className="panel">
          <ErrorNote error={query.error} what="Overview" onRetry={() => void query.refetch()} />
        </div>
      </>
    );
  }
  if (query.data?.counts.sites === 0) return <FirstSteps />;
  return (
    <>
      <Head overview={query.data} />
      <RefreshNote query={query} className="mb-3.5 rounded-lg" />
      {/* How long each list becomes is not known before: what is awaited is replaced, not pushed about. */}
      <div
        key={query.data ? "there" : "awaited"}
        className="grid items-start gap-3.5 min-[90rem]:grid-cols-[minmax(0,1fr)_20rem]"
      >
        <div className="grid min-w-0 gap-3.5">
          <Panel
            title="Needs attention"
            note="most urgent first"
            action={
              <Link to="/incidents" className="link">
                All incidents
              </Link>
            }
          >
            <QueryView shared query={query} what="What needs attention" skeleton={<RowsSkeleton rows={7} tall />}>
              {({ attention, attention_total }) => (
                <AttentionList items={attention} total={attention_total} level={level} />
              )}
            </QueryView>
          </Panel>
          <Panel
            title={words.sites}
            note="worst first"
            action={
              <Link to="/sites" className="link">
                {words.allSites}
              </Link>
            }
          >
            <QueryView shared query={query} what="Sites" skeleton={<RowsSkeleton rows={8} tall />}>
              {({ sites }) => <SitesTable label="Sites, worst first" rows={sites} />}
            </QueryView>
          </Panel>
        </div>
        <div className="grid gap-3.5 sm:grid-cols-2 lg:grid-cols-3 min-[90rem]:grid-cols-1">
          <Panel title="Posture" note={words.posture}>
            <QueryView shared query={query} what="Posture" skeleton={<FigureSkeleton />}>
              {({ posture }) => (
                <div className="grid gap-3 px-4 py-3.5">
                  <ScoreFigure score={posture.score} excepted={posture.excepted_score} coverage={posture.coverage} />
                  <CountsBar counts={posture} unit="controls over all sites" />
                </div>
              )}
            </QueryView>
          </Panel>
          <Panel title={words.healing.title} note="last 24 hours">
            <QueryView shared query={query} what="Healing" skeleton={<FigureSkeleton />}>
              {(overview) => <Healing overview={overview} words={words.healing} />}
            </QueryView>
          </Panel>
          <Panel
            title="Appliances"
            action={
              <Link to="/appliances" className="link">
                All appliances
              </Link>
            }
          >
            <QueryView shared query={query} what="Appliances" skeleton={<FigureSkeleton />}>
              {({ counts }) => <Presence counts={counts} />}
            </QueryView>
          </Panel>
        </div>
      </div>
    </>
  );
}

function Head({ overview }: { overview: Overview | undefined }) {
  const denied = useDenied();
  const level = useLevel();
  if (!overview) {
    return (
      <div aria-hidden="true" className="mb-4 h-12">
        <Bar className="mb-2 h-6 w-64" />
        <Bar className="w-96 max-w-full" />
      </div>
    );
  }
  const { counts } = overview;
  return (
    <PageHead
      title={headline(overview, level)}
      documentTitle="Overview"
      sub={`${plural(counts.sites, "site")}, ${plural(counts.assets, "machine")}. ${counts.resolved_24h > 0 ? `${plural(counts.resolved_24h, "incident")} resolved in the last 24 hours, each with its evidence` : "Nothing was resolved in the last 24 hours"}.`}
      actions={
        denied("code.create") ? undefined : (
          <Link to="/provision" className="btn">
            Add an appliance
          </Link>
        )
      }
    />
  );
}

/** An installation without a site: what to do, in order. */
function FirstSteps() {
  const denied = useDenied();
  const words = overviewWords[useLevel()];
  return (
    <>
      <PageHead title="Welcome" documentTitle="Overview" sub="There are no sites yet." />
      <div className="panel">
        {denied("code.create") ? (
          <Empty title="Nothing is connected yet">{words.waiting}</Empty>
        ) : (
          <Empty
            title="Connect the first machine"
            action={
              <Link to="/provision" className="btn btn-primary">
                Add a site and an appliance
              </Link>
            }
          >
            {words.first} You get a code and one command to run on the machine; its posture appears here within a
            minute.
          </Empty>
        )}
      </div>
    </>
  );
}

function FigureSkeleton() {
  return (
    <div className="grid gap-3 px-4 py-4">
      <Bar className="h-7 w-32" />
      <Bar className="h-2" />
      <Bar className="w-48" />
    </div>
  );
}
