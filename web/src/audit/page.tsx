import { infiniteQueryOptions, type QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { allOrganisationsQuery } from "../access/queries";
import { api, urlOf } from "../api/client";
import { wordsFor } from "../api/error-words";
import { permission } from "../api/identity";
import { listing } from "../api/shape";
import type { AuditRow } from "../api/types";
import { useDenied } from "../auth/context";
import { useFilterText } from "../lib/filter-text";
import { humanise, shortId } from "../lib/format";
import { flatten, pagesOf } from "../lib/pages";
import { Button } from "../ui/button";
import { Chip, type Tone } from "../ui/chip";
import { Empty } from "../ui/empty";
import { DownloadButton } from "../ui/download-button";
import { FilterSelect, SearchField } from "../ui/field";
import type { IconName } from "../ui/icon";
import { PageHead } from "../ui/page-head";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { DateRange } from "./date-range";
import { detailText } from "./detail";

interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  outcome?: "done" | "denied" | "failed" | undefined;
  org?: string | undefined;
  search?: string | undefined;
}

/** The filter as the server takes it. */
const asked = ({ org, ...rest }: AuditFilter): Record<string, string> =>
  Object.fromEntries(Object.entries({ ...rest, org_id: org }).filter(([, value]) => value)) as Record<string, string>;

const route = getRouteApi("/audit");

const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", asked(filter)],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/audit", listing, { query: { limit: 100, cursor: pageParam, ...asked(filter) }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

export function prefetch(client: QueryClient, filter: AuditFilter): void {
  void client.prefetchInfiniteQuery(auditQuery(filter));
}

export function Page() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const denied = useDenied();
  const query = useInfiniteQuery(auditQuery(filter));
  const [action, setAction] = useFilterText(filter.action ?? "", (next) =>
    navigate({ search: ({ action: _, ...rest }) => (next ? { ...rest, action: next } : rest), replace: true }),
  );
  const [actor, setActor] = useFilterText(filter.actor ?? "", (next) =>
    navigate({ search: ({ actor: _, ...rest }) => (next ? { ...rest, actor: next } : rest), replace: true }),
  );
  const [search, setSearch] = useFilterText(filter.search ?? "", (next) =>
    navigate({ search: ({ search: _, ...rest }) => (next ? { ...rest, search: next } : rest), replace: true }),
  );
  const filtered = Object.keys(filter).length > 0;
  return (
    <>
      <PageHead
        title="Audit log"
        sub="Who did what, when, and whether it was allowed. Rows are never changed or deleted."
        actions={
          <DownloadButton
            url={urlOf("/api/audit/export", undefined, asked(filter))}
            file="audit.csv"
            disabledReason={denied(permission.exportAudit)}
            tip={filtered ? "The rows that match the filter, as CSV" : "All rows, as CSV"}
          >
            Export CSV
          </DownloadButton>
        }
      />
      <div className="panel">
        <div className="flex flex-wrap items-center gap-2 border-b border-hair px-3 py-2">
          <SearchField
            label="Search in everything"
            className="w-64 max-sm:w-full"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
          <SearchField
            label="Action, such as site.create"
            data-shortcut=""
            className="w-64 max-sm:w-full"
            value={action}
            onChange={(event) => setAction(event.target.value)}
          />
          <SearchField
            label="Who"
            data-shortcut=""
            className="w-48 max-sm:w-full"
            value={actor}
            onChange={(event) => setActor(event.target.value)}
          />
          <FilterSelect
            label="Outcome"
            value={filter.outcome ?? ""}
            options={[
              ["", "Every outcome"],
              ["done", "Done"],
              ["denied", "Denied"],
              ["failed", "Failed"],
            ]}
            onChange={(outcome) =>
              navigate({ search: ({ outcome: _, ...rest }) => (outcome ? { ...rest, outcome } : rest), replace: true })
            }
          />
          <OrganisationFilter
            value={filter.org}
            onChange={(org) =>
              navigate({ search: ({ org: _, ...rest }) => (org ? { ...rest, org } : rest), replace: true })
            }
          />
          <DateRange
            from={filter.from}
            to={filter.to}
            onChange={(part, at) => navigate({ search: (before) => ({ ...before, [part]: at }), replace: true })}
          />
        </div>
        <QueryView query={query} what="Audit log" skeleton={<RowsSkeleton rows={14} />}>
          {(data) => {
            const rows = flatten(data);
            if (rows.length === 0 && query.hasNextPage)
              return <SearchingOn load={pagesOf(query).load} pages={data.pages.length} />;
            if (rows.length === 0)
              return (
                <Empty
                  title={filtered ? "Nothing matches the filter" : "Nothing was recorded yet"}
                  action={
                    filtered && (
                      <Button
                        onClick={() => {
                          for (const clear of [setAction, setActor, setSearch]) clear("");
                          void navigate({ search: {}, replace: true });
                        }}
                      >
                        Clear the filter
                      </Button>
                    )
                  }
                />
              );
            return (
              <DataTable
                label="Audit log"
                columns={columns}
                rows={rows}
                rowKey={(row) => row.id}
                more={pagesOf(query)}
                rowHeight={41}
              />
            );
          }}
        </QueryView>
      </div>
    </>
  );
}

/** A search goes through the log page by page, and a page may hold nothing that matches: it goes on by itself. */
function SearchingOn({ load, pages }: { load: () => void; pages: number }) {
  const next = useRef(load);
  next.current = load;
  useEffect(() => next.current(), [pages]);
  return (
    <p role="status" className="px-4 py-10 text-center text-ink-2">
      Nothing among the newest rows. Looking further back…
    </p>
  );
}

/** One client of many; nobody with a single one needs it. */
function OrganisationFilter({ value, onChange }: { value: string | undefined; onChange: (id: string) => void }) {
  const { data, error, refetch } = useQuery(allOrganisationsQuery());
  const options = data?.items ?? [];
  if (error && !data) {
    return (
      <p role="alert" className="flex items-center gap-2 text-xs text-stale">
        The organisations to choose from are not here. {wordsFor(error).title}.
        <button type="button" className="underline underline-offset-2" onClick={() => void refetch()}>
          Try again
        </button>
      </p>
    );
  }
  if (options.length < 2 && !value) return null;
  return (
    <FilterSelect
      label="Organisation"
      value={value ?? ""}
      options={[["", "Every organisation"], ...options.map(({ id, name }) => [id, name] as const)]}
      onChange={onChange}
    />
  );
}

const outcomes: Record<string, { word: string; tone: Tone; icon: IconName }> = {
  done: { word: "Done", tone: "neutral", icon: "check" },
  denied: { word: "Denied", tone: "warn", icon: "close" },
  failed: { word: "Failed", tone: "bad", icon: "incident" },
};

const column = columnsOf<AuditRow>();

const columns: Columns<AuditRow> = [
  column.display({
    id: "at",
    header: "When",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row }) => <Time at={row.original.at} />,
  }),
  column.display({
    id: "actor",
    header: "Who",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row: { original: row } }) => (
      <>
        <span className="font-medium">{row.actor_name || humanise(row.actor_kind)}</span>
        {row.actor_kind !== "person" && <span className="text-xs text-ink-3"> {row.actor_kind}</span>}
      </>
    ),
  }),
  column.display({
    id: "action",
    header: "Action",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row }) => <code>{row.original.action}</code>,
  }),
  column.display({
    id: "outcome",
    header: "Outcome",
    cell: ({ row }) => {
      const { word, tone, icon } = outcomes[row.original.outcome] ?? {
        word: row.original.outcome,
        tone: "neutral" as const,
        icon: "more" as const,
      };
      return (
        <Chip tone={tone} icon={icon}>
          {word}
        </Chip>
      );
    },
  }),
  column.display({
    id: "resource",
    header: "On",
    meta: { narrow: "line", className: "whitespace-nowrap" },
    cell: ({ row }) => <code data-tip={row.original.resource}>{shortId(row.original.resource)}</code>,
  }),
  column.display({
    id: "detail",
    header: "Detail",
    meta: { narrow: "line", className: "@2xl:w-full" },
    cell: ({ row }) => <span className="text-ink-2 [overflow-wrap:anywhere]">{detailText(row.original.detail)}</span>,
  }),
  column.display({
    id: "request",
    header: "Request",
    meta: { narrow: "hide", spare: true },
    cell: ({ row }) => (
      <code className="text-ink-3" data-tip={row.original.request_id}>
        {shortId(row.original.request_id)}
      </code>
    ),
  }),
];
