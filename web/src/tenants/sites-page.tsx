import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useDenied, useLevel } from "../auth/context";
import type { Level } from "../auth/roles";
import { flatten, pagesOf } from "../lib/pages";
import { useFilterText } from "../lib/filter-text";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { SearchField } from "../ui/field";
import { PageHead } from "../ui/page-head";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type SitesFilter, sitesQuery } from "./queries";
import { SitesTable } from "./sites-table";

const route = getRouteApi("/sites");

export function prefetch(client: QueryClient, filter: SitesFilter): void {
  void client.prefetchInfiniteQuery(sitesQuery(filter));
}

export function Page() {
  const level = useLevel();
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(sitesQuery(filter));
  const [text, setText] = useFilterText(filter.q ?? "", (q) =>
    navigate({ search: ({ q: _, ...rest }) => (q ? { ...rest, q } : rest), replace: true }),
  );
  return (
    <>
      <PageHead title="Sites" sub={subs[level]} actions={<AddSite />} />
      <div className="panel">
        <div className="flex items-center gap-3 border-b border-hair px-3 py-2">
          <SearchField
            label="Filter by site, organisation or partner"
            className="w-full max-w-96"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <QueryView query={query} what="Sites" skeleton={<RowsSkeleton rows={12} tall />}>
          {(data) => {
            const rows = flatten(data);
            if (rows.length === 0)
              return filter.q ? <NothingFound text={filter.q} onClear={() => setText("")} /> : <NoSites />;
            return (
              <SitesTable
                label="Sites"
                rows={rows}
                more={pagesOf(query)}
                sort={{
                  value: filter.sort ?? "risk",
                  onChange: (sort) =>
                    navigate({
                      search: ({ sort: _, ...rest }) => (sort === "name" ? { ...rest, sort } : rest),
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

const subs: Record<Level, string> = {
  platform: "Every place where an appliance watches machines, the riskiest first.",
  partner: "Every place of your clinics where an appliance watches machines, the riskiest first.",
  practice: "Every place of your practice where an appliance watches machines, the riskiest first.",
};

function AddSite() {
  const denied = useDenied();
  const reason = denied("site.create");
  if (reason) {
    return (
      <Button icon="add" disabledReason={reason}>
        Add a site
      </Button>
    );
  }
  return (
    <Link to="/provision" className="btn btn-primary">
      Add a site
    </Link>
  );
}

function NothingFound({ text, onClear }: { text: string; onClear: () => void }) {
  return (
    <Empty title={`No site matches “${text}”`} action={<Button onClick={onClear}>Clear the filter</Button>}>
      The filter looks at the names of sites, organisations and partners.
    </Empty>
  );
}

function NoSites() {
  return <Empty title="No sites yet">A site appears here once it is added under a partner and an organisation.</Empty>;
}
