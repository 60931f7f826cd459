import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { applianceStatusNames } from "../api/types";
import { useDenied } from "../auth/context";
import { useOnTop } from "../lib/on-top";
import { flatten, pagesOf } from "../lib/pages";
import { Empty } from "../ui/empty";
import { FilterSelect } from "../ui/field";
import { PageHead } from "../ui/page-head";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { ApplianceSheet } from "./sheet";
import { presenceWord } from "./presence";
import { type ApplianceFilter, appliancesQuery } from "./queries";
import { AppliancesTable } from "./table";

const route = getRouteApi("/appliances");

export function prefetch(client: QueryClient, filter: ApplianceFilter): void {
  void client.prefetchInfiniteQuery(appliancesQuery(filter));
}

const options = [
  ["", "Every status"],
  ...applianceStatusNames.map((status) => [status, presenceWord[status]] as const),
] as const;

export function Page() {
  const { status, show } = route.useSearch();
  const navigate = route.useNavigate();
  const denied = useDenied();
  const query = useInfiniteQuery(appliancesQuery({ status }));
  const rows = query.data ? flatten(query.data) : [];
  const { opening, close } = useOnTop("show");
  const open = (id: string) => void navigate({ search: (rest) => ({ ...rest, show: id }), ...opening });
  return (
    <>
      <PageHead
        title="Appliances"
        sub="The machines that run the agent."
        actions={
          !denied("code.create") && (
            <Link to="/provision" className="btn btn-primary">
              Add an appliance
            </Link>
          )
        }
      />
      <div className="panel">
        <div className="flex items-center gap-2 border-b border-hair px-3 py-2">
          <FilterSelect
            label="Status"
            value={status ?? ""}
            options={options}
            onChange={(next) =>
              navigate({ search: ({ status: _, ...rest }) => (next ? { ...rest, status: next } : rest), replace: true })
            }
          />
        </div>
        <QueryView query={query} what="Appliances" skeleton={<RowsSkeleton rows={12} tall />}>
          {() =>
            rows.length === 0 ? (
              <Empty title={status ? `No appliance is ${presenceWord[status].toLowerCase()}` : "No appliances yet"}>
                {!status && "Add one with a provisioning code and one command on the machine."}
              </Empty>
            ) : (
              <AppliancesTable rows={rows} more={pagesOf(query)} onOpen={({ id }) => open(id)} />
            )
          }
        </QueryView>
      </div>
      <ApplianceSheet appliance={rows.find(({ id }) => id === show)} onClose={close} />
    </>
  );
}
