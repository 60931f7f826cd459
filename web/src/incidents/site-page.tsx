import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { flatten, pagesOf } from "../lib/pages";
import { Empty } from "../ui/empty";
import { FilterSelect } from "../ui/field";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type IncidentFilter, incidentsQuery } from "./queries";
import { IncidentsTable } from "./table";

const route = getRouteApi("/sites/$siteId/incidents");

export function prefetch(client: QueryClient, siteId: string, filter: IncidentFilter): void {
  void client.prefetchInfiniteQuery(incidentsQuery({ ...filter, siteId }));
}

export function Page() {
  const { siteId } = route.useParams();
  const { state } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(incidentsQuery({ state, siteId }));
  return (
    <Panel
      title="Incidents"
      action={
        <FilterSelect
          label="State"
          value={state === "all" ? "all" : ""}
          options={
            [
              ["", "Open"],
              ["all", "Open and closed"],
            ] as const
          }
          onChange={(next) => navigate({ search: next ? { state: next } : {}, replace: true, resetScroll: false })}
        />
      }
    >
      <QueryView query={query} what="Incidents" skeleton={<RowsSkeleton rows={6} tall />}>
        {(data) => {
          const rows = flatten(data);
          if (rows.length === 0) return <Empty title={state ? "No incidents yet" : "No open incidents at this site"} />;
          return <IncidentsTable rows={rows} more={pagesOf(query)} ofOneSite />;
        }}
      </QueryView>
    </Panel>
  );
}
