import { type QueryClient, useQuery } from "@tanstack/react-query";
import { bytes, humanise, milliseconds, plural, seconds, sentence } from "../lib/format";
import { useNow } from "../lib/now";
import { Chip } from "../ui/chip";
import { Fact, Facts } from "../ui/facts";
import { PageHead } from "../ui/page-head";
import { Panel } from "../ui/panel";
import { QueryView, RefreshNote } from "../ui/query-view";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import type { Health, Job } from "../api/types";
import { Alarms } from "./alarms";
import { healthQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchQuery(healthQuery());
}

export function Page() {
  const query = useQuery(healthQuery());
  const small = <Bar className="m-4 w-2/3" />;
  return (
    <>
      <PageHead title="System health" sub="How this installation itself is doing." />
      <RefreshNote query={query} className="mb-3.5 rounded-lg" />
      {/* Alarms stand first and are not known before: what is awaited is replaced, not pushed about. */}
      <div
        key={query.data ? "there" : "awaited"}
        className="grid items-start gap-3.5 xl:grid-cols-[minmax(0,1fr)_24rem]"
      >
        <div className="grid min-w-0 gap-3.5">
          {query.data && query.data.alarms.length > 0 && <Alarms alarms={query.data.alarms} />}
          <Panel
            title="Background work"
            note="everything that runs by itself; what goes on as before is recorded once a minute"
          >
            <QueryView shared query={query} what="Background work" skeleton={<RowsSkeleton rows={7} tall />}>
              {({ jobs }) => (
                <DataTable label="Background work" columns={columns} rows={jobs} rowKey={(job) => job.name} />
              )}
            </QueryView>
          </Panel>
        </div>
        <div className="grid gap-3.5">
          <Panel title="Evidence store">
            <QueryView shared query={query} what="Evidence store" skeleton={small}>
              {(health) => <EvidenceStore health={health} />}
            </QueryView>
          </Panel>
          <Panel title="Database">
            <QueryView shared query={query} what="Database" skeleton={small}>
              {({ database }) => (
                <Facts>
                  <Fact name="Kind">
                    {database.kind === "embedded" ? "Embedded, supervised by this server" : humanise(database.kind)}
                  </Fact>
                  <Fact name="PostgreSQL">{database.version}</Fact>
                  <Fact name="Size">{bytes(database.size_bytes)}</Fact>
                  <Fact name="Connections">
                    {database.pool.size} open, {database.pool.idle} idle, at most {database.pool.max}
                  </Fact>
                </Facts>
              )}
            </QueryView>
          </Panel>
          <Panel title="Server">
            <QueryView shared query={query} what="Server" skeleton={small}>
              {({ version, started_at }) => (
                <Facts>
                  <Fact name="Proofline">{version}</Fact>
                  <Fact name="Running since">
                    <Time at={started_at} focusable />
                  </Fact>
                </Facts>
              )}
            </QueryView>
          </Panel>
        </div>
      </div>
    </>
  );
}

/** Says plainly what the store cannot promise. */
function EvidenceStore({ health: { evidence_store: store } }: { health: Health }) {
  return (
    <>
      <div className="px-4 pt-3">
        {store.worm ? (
          <Chip tone="good" icon="evidence">
            Write once (WORM)
          </Chip>
        ) : (
          <Chip tone="warn" icon="incident">
            Not WORM
          </Chip>
        )}
        <p className="mt-2 text-ink-2">{store.explanation}</p>
      </div>
      <Facts>
        <Fact name="Kind">{store.kind === "local" ? "Local folder" : humanise(store.kind)}</Fact>
        <Fact name="Published">
          <Time at={store.last_published_at} focusable />
        </Fact>
        <Fact name="Not yet published">{plural(store.backlog, "entry", "entries")}</Fact>
      </Facts>
    </>
  );
}

/** A job that is late by a whole round is not running. Of runs that end alike only one a minute is recorded. */
function NextRun({ job }: { job: Job }) {
  const now = useNow();
  const next = job.next_run_at ? Date.parse(job.next_run_at) : undefined;
  if (next !== undefined && now - next > Math.max(job.every_s, 60) * 1000) {
    return (
      <Chip tone="bad" icon="clock">
        Overdue
      </Chip>
    );
  }
  if (next !== undefined && next <= now) return "now";
  return <Time at={job.next_run_at} missing="not planned" />;
}

const column = columnsOf<Job>();

const columns: Columns<Job> = [
  column.display({
    id: "name",
    header: "Job",
    meta: { narrow: "line", className: "@2xl:w-full" },
    cell: ({ row: { original: job } }) => (
      <>
        <span className="font-medium">{sentence(job.purpose)}</span>
        <div className="text-xs text-ink-3">
          <code>{job.name}</code>, every {seconds(job.every_s)}
        </div>
        {job.last_error ? (
          <div className="text-xs text-fail">{job.last_error}</div>
        ) : (
          job.last_detail && <div className="text-xs text-ink-2">{job.last_detail}</div>
        )}
      </>
    ),
  }),
  column.display({
    id: "result",
    header: "Last result",
    cell: ({ row: { original: job } }) =>
      job.last_result === "ok" ? (
        <Chip icon="check">OK</Chip>
      ) : job.last_result == null ? (
        <Chip icon="clock">Not run yet</Chip>
      ) : (
        <Chip tone="bad" icon="incident">
          Error
        </Chip>
      ),
  }),
  column.display({ id: "last", header: "Last recorded", cell: ({ row }) => <Time at={row.original.last_run_at} /> }),
  column.display({
    id: "duration",
    header: "Took",
    meta: { align: "end", narrow: "hide", className: "whitespace-nowrap" },
    cell: ({ row }) =>
      row.original.duration_ms == null ? <span className="text-ink-3">–</span> : milliseconds(row.original.duration_ms),
  }),
  column.display({
    id: "next",
    header: "Next run",
    meta: { narrow: "hide" },
    cell: ({ row }) => <NextRun job={row.original} />,
  }),
];
