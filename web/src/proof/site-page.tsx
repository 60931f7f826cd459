import { type QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useDenied } from "../auth/context";
import { bytes, count } from "../lib/format";
import { flatten, pagesOf } from "../lib/pages";
import { siteQuery } from "../tenants/queries";
import { Chip } from "../ui/chip";
import { Digest } from "../ui/digest";
import { Empty } from "../ui/empty";
import { Fact, Facts } from "../ui/facts";
import { FilterSelect } from "../ui/field";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowLink } from "../ui/row-link";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { ExportButton } from "./export-button";
import { kindOf, kinds } from "./kinds";
import { OfflineNote } from "./offline-note";
import type { EvidenceKind, EvidenceRow } from "../api/types";
import { type EvidenceFilter, evidenceQuery } from "./queries";

const route = getRouteApi("/sites/$siteId/evidence");

export function prefetch(client: QueryClient, siteId: string, filter: EvidenceFilter): void {
  void client.prefetchInfiniteQuery(evidenceQuery(siteId, filter));
}

export function Page() {
  const { siteId } = route.useParams();
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(evidenceQuery(siteId, filter));
  return (
    <div className="grid gap-3.5">
      <LogPanel siteId={siteId} />
      <Panel
        title="Entries"
        note={filter.check ? <CheckFilter siteId={siteId} check={filter.check} /> : "newest first"}
        action={
          <FilterSelect<EvidenceKind | "">
            label="Kind"
            value={filter.kind ?? ""}
            options={[
              ["", "All kinds"],
              ...Object.entries(kinds).map(([kind, { word }]) => [kind as EvidenceKind, word] as const),
            ]}
            onChange={(kind) =>
              navigate({
                search: ({ kind: _, ...rest }) => (kind ? { ...rest, kind } : rest),
                replace: true,
                resetScroll: false,
              })
            }
          />
        }
      >
        <QueryView query={query} what="Evidence" skeleton={<RowsSkeleton rows={12} />}>
          {(data) => {
            const rows = flatten(data);
            if (rows.length === 0)
              return filter.kind || filter.check ? <Empty title="No entry matches the filter" /> : <NoEvidence />;
            return (
              <DataTable
                label="Evidence entries"
                columns={columns(siteId)}
                rows={rows}
                rowKey={(row) => String(row.index)}
                more={pagesOf(query)}
                rowHeight={41}
              />
            );
          }}
        </QueryView>
      </Panel>
    </div>
  );
}

/** The state of the log as a whole: what a stranger would hold on to. */
function LogPanel({ siteId }: { siteId: string }) {
  const query = useQuery(siteQuery(siteId));
  const denied = useDenied();
  return (
    <Panel
      title="The log of this site"
      note="append-only; every entry is signed"
      action={<ExportButton siteId={siteId} disabledReason={denied("evidence.export")} />}
    >
      <QueryView query={query} what="The log" skeleton={<LogSkeleton siteId={siteId} />}>
        {({ log }) => (
          <>
            <Facts className={logColumns}>
              <Fact name="Entries">{count(log.size)}</Fact>
              <Fact name="Root">
                <Digest hex={log.root} />
              </Fact>
              <Fact name="Published">
                {log.published_at ? (
                  <>
                    {count(log.published_size)} entries, <Time at={log.published_at} focusable />
                  </>
                ) : (
                  "not yet"
                )}
              </Fact>
              <Fact name="Not yet published">{count(log.size - log.published_size)}</Fact>
            </Facts>
            <OfflineNote siteId={siteId} entries={log.size} />
          </>
        )}
      </QueryView>
    </Panel>
  );
}

const logColumns = "sm:grid-cols-[auto_minmax(0,1fr)_auto_minmax(0,1fr)]";

function LogSkeleton({ siteId }: { siteId: string }) {
  return (
    <>
      <Facts className={logColumns}>
        {["Entries", "Root", "Published", "Not yet published"].map((name) => (
          <Fact key={name} name={name}>
            <Bar className="my-1 w-24" />
          </Fact>
        ))}
      </Facts>
      <OfflineNote siteId={siteId} />
    </>
  );
}

function CheckFilter({ siteId, check }: { siteId: string; check: string }) {
  return (
    <span className="flex items-center gap-2">
      that name <code>{check}</code>
      <Link to="/sites/$siteId/evidence" params={{ siteId }} className="link">
        show all
      </Link>
    </span>
  );
}

function NoEvidence() {
  return (
    <Empty title="No evidence yet">The first entries appear within a minute after an appliance is enrolled.</Empty>
  );
}

const column = columnsOf<EvidenceRow>();

const columns = (siteId: string): Columns<EvidenceRow> => [
  column.display({
    id: "index",
    header: "Entry",
    meta: { align: "end", className: "w-px" },
    cell: ({ row: { original: row } }) => (
      <RowLink link={{ to: "/sites/$siteId/evidence/$index", params: { siteId, index: String(row.index) } }}>
        {count(row.index)}
      </RowLink>
    ),
  }),
  column.display({
    id: "kind",
    header: "Kind",
    cell: ({ row }) => {
      const { word, icon, meaning } = kindOf(row.original.kind);
      return (
        <Chip icon={icon} tip={meaning} tone={row.original.kind === "gap" ? "warn" : "neutral"}>
          {word}
        </Chip>
      );
    },
  }),
  column.display({
    id: "summary",
    header: "What it says",
    meta: { narrow: "line", className: "@2xl:w-full" },
    cell: ({ row }) => row.original.summary,
  }),
  column.display({
    id: "seq",
    header: "Sequence",
    meta: { align: "end", narrow: "hide" },
    cell: ({ row }) => count(row.original.seq),
  }),
  column.display({
    id: "size",
    header: "Size",
    meta: { align: "end", narrow: "hide", className: "whitespace-nowrap" },
    cell: ({ row }) => bytes(row.original.size_bytes),
  }),
  column.display({ id: "ended", header: "Measured", cell: ({ row }) => <Time at={row.original.ended_at} /> }),
  column.display({
    id: "received",
    header: "Received",
    meta: { narrow: "hide" },
    cell: ({ row }) => <Time at={row.original.received_at} />,
  }),
];
