import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { flatten, pagesOf } from "../lib/pages";
import { Empty } from "../ui/empty";
import { FilterSelect } from "../ui/field";
import { PageHead } from "../ui/page-head";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type IncidentFilter, incidentsQuery } from "./queries";
import { incidentStates } from "./state";
import { IncidentsTable } from "./table";

const route = getRouteApi("/incidents");

export function prefetch(client: QueryClient, filter: IncidentFilter): void {
  void client.prefetchInfiniteQuery(incidentsQuery(filter));
}

const stateOptions = [
  ["", "All open"],
  ...(
    ["awaiting_approval", "escalated", "open", "healing", "verifying", "suppressed", "resolved", "closed"] as const
  ).map((state) => [state, incidentStates[state].word] as const),
  ["all", "Open and closed"],
] as const;

const severityOptions = [
  ["", "Every severity"],
  ["critical", "Critical"],
  ["high", "High"],
  ["medium", "Medium"],
  ["low", "Low"],
] as const;

export function Page() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(incidentsQuery(filter));
  return (
    <>
      <PageHead title="Incidents" sub="Failing checks that somebody or something must act on." />
      <div className="panel">
        <div className="flex flex-wrap items-center gap-2 border-b border-hair px-3 py-2">
          <FilterSelect
            label="State"
            value={filter.state ?? ""}
            options={stateOptions}
            onChange={(state) =>
              navigate({ search: ({ state: _, ...rest }) => (state ? { ...rest, state } : rest), replace: true })
            }
          />
          <FilterSelect
            label="Severity"
            value={filter.severity ?? ""}
            options={severityOptions}
            onChange={(severity) =>
              navigate({
                search: ({ severity: _, ...rest }) => (severity ? { ...rest, severity } : rest),
                replace: true,
              })
            }
          />
        </div>
        <QueryView query={query} what="Incidents" skeleton={<RowsSkeleton rows={12} tall />}>
          {(data) => {
            const rows = flatten(data);
            if (rows.length === 0) return <NoIncidents filtered={Boolean(filter.state || filter.severity)} />;
            return (
              <IncidentsTable
                rows={rows}
                more={pagesOf(query)}
                sort={{
                  value: filter.sort ?? "severity",
                  onChange: (sort) =>
                    navigate({
                      search: ({ sort: _, ...rest }) => (sort === "newest" ? { ...rest, sort } : rest),
                      replace: true,
                    }),
                }}
              />
            );
          }}
        </QueryView>
      </div>
    </>
  );
}

function NoIncidents({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No incident matches the filter" />;
  return (
    <Empty title="No open incidents">
      Whatever is measured passes. What could not be measured is on the page of each site, under “Not assessed”.
    </Empty>
  );
}
