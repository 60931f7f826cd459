import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { flatten, pagesOf } from "../lib/pages";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { ApplianceSheet } from "./sheet";
import { appliancesQuery } from "./queries";
import { AppliancesTable } from "./table";

const route = getRouteApi("/sites/$siteId/appliances");

export function prefetch(client: QueryClient, siteId: string): void {
  void client.prefetchInfiniteQuery(appliancesQuery({ siteId }));
}

export function Page() {
  const { siteId } = route.useParams();
  const query = useInfiniteQuery(appliancesQuery({ siteId }));
  const [shown, setShown] = useState<string>();
  const rows = query.data ? flatten(query.data) : [];
  return (
    <>
      <Panel title="Appliances" note="the machines at this site that run the agent">
        <QueryView query={query} what="Appliances" skeleton={<RowsSkeleton rows={2} tall />}>
          {() =>
            rows.length === 0 ? (
              <Empty
                title="No appliance yet"
                action={
                  <Link to="/provision" search={{ site: siteId }} className="btn btn-primary">
                    Add an appliance
                  </Link>
                }
              >
                Nothing is measured at this site until one is enrolled.
              </Empty>
            ) : (
              <AppliancesTable rows={rows} more={pagesOf(query)} ofOneSite onOpen={({ id }) => setShown(id)} />
            )
          }
        </QueryView>
      </Panel>
      <ApplianceSheet appliance={rows.find(({ id }) => id === shown)} onClose={() => setShown(undefined)} />
    </>
  );
}
