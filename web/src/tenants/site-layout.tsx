import { type QueryClient, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, Outlet } from "@tanstack/react-router";
import { PresenceChip } from "../appliances/presence";
import { useDenied } from "../auth/context";
import { Crumbs } from "../ui/crumbs";
import { ErrorNote } from "../ui/error-note";
import { PageHead } from "../ui/page-head";
import { Bar } from "../ui/skeleton";
import { type TabLink, TabNav, useTabLabel } from "../ui/tabs";
import { siteQuery } from "./queries";

const route = getRouteApi("/sites/$siteId");

export function prefetch(client: QueryClient, siteId: string): void {
  void client.prefetchQuery(siteQuery(siteId));
}

/** What all tabs of a site share: its name, its place in the tree, its presence. */
export function Page() {
  const { siteId } = route.useParams();
  const query = useQuery(siteQuery(siteId));
  const site = query.data;
  const params = { siteId };
  const tabs: TabLink[] = [
    {
      label: "Posture",
      link: { to: "/sites/$siteId", params, activeOptions: { exact: true, includeSearch: false } },
    },
    { label: "Machines", count: site?.asset_count, link: { to: "/sites/$siteId/assets", params } },
    { label: "Appliances", count: site?.appliances.length, link: { to: "/sites/$siteId/appliances", params } },
    {
      label: "Incidents",
      count: site?.open_incidents,
      link: { to: "/sites/$siteId/incidents", params, activeOptions: { includeSearch: false } },
    },
    {
      label: "Evidence",
      count: site?.log.size,
      link: { to: "/sites/$siteId/evidence", params, activeOptions: { exact: true, includeSearch: false } },
    },
    { label: "Settings", link: { to: "/sites/$siteId/settings", params } },
  ];
  const tab = useTabLabel(tabs);
  if (query.isError && !query.data) {
    return (
      <>
        <Crumbs trail={[{ label: "Sites", link: { to: "/sites" } }]} />
        <PageHead title="Site" />
        <div className="panel">
          <ErrorNote error={query.error} what="Site" onRetry={() => void query.refetch()} />
        </div>
      </>
    );
  }
  return (
    <>
      <Crumbs trail={[{ label: "Sites", link: { to: "/sites" } }]} />
      {site ? (
        <PageHead
          title={site.name}
          tab={tab}
          sub={
            <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <span>
                {site.org.name === site.name ? "" : `${site.org.name} · `}
                {site.partner.name}
              </span>
              <span className="text-ink-3">{site.timezone}</span>
              <PresenceChip status={site.appliance_status} />
            </span>
          }
          actions={<AddAppliance siteId={siteId} />}
        />
      ) : (
        <div className="mb-4 h-12 max-sm:h-[5.875rem]" aria-hidden="true">
          <Bar className="mb-2 h-6 w-64" />
          <Bar className="w-80 max-w-full" />
        </div>
      )}
      <TabNav label="Site" tabs={tabs} />
      <Outlet />
    </>
  );
}

function AddAppliance({ siteId }: { siteId: string }) {
  const denied = useDenied();
  if (denied("code.create")) return null;
  return (
    <Link to="/provision" search={{ site: siteId }} className="btn">
      Add an appliance
    </Link>
  );
}
