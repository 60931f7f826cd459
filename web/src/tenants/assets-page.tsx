import { type QueryClient, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import type { Asset } from "../api/types";
import { humanise } from "../lib/format";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowLink } from "../ui/row-link";
import { RowsSkeleton } from "../ui/skeleton";
import { Glyph } from "../ui/state";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { type Look, lookWord } from "../scoring/look";
import { assetsQuery } from "./queries";

const route = getRouteApi("/sites/$siteId/assets");

export function prefetch(client: QueryClient, siteId: string): void {
  void client.prefetchQuery(assetsQuery(siteId));
}

export function Page() {
  const { siteId } = route.useParams();
  const query = useQuery(assetsQuery(siteId));
  return (
    <Panel title="Machines" note="what is checked at this site">
      <QueryView query={query} what="Machines" skeleton={<RowsSkeleton rows={4} tall />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No machines yet">The machine of an appliance appears here as soon as it is enrolled.</Empty>
          ) : (
            <DataTable label="Machines" columns={columns(siteId)} rows={items} rowKey={(asset) => asset.id} />
          )
        }
      </QueryView>
    </Panel>
  );
}

const column = columnsOf<Asset>();
const order = ["pass", "fail", "unknown", "error", "stale", "not_applicable"] as const satisfies readonly Look[];

const columns = (siteId: string): Columns<Asset> => [
  column.display({
    id: "name",
    header: "Machine",
    cell: ({ row: { original: asset } }) => (
      <>
        <RowLink link={{ to: "/sites/$siteId", params: { siteId }, search: { asset: asset.id } }}>{asset.name}</RowLink>
        <div className="text-xs text-ink-3">{asset.platform}</div>
      </>
    ),
  }),
  column.display({
    id: "role",
    header: "Role",
    meta: { narrow: "hide" },
    cell: ({ row }) => humanise(row.original.role),
  }),
  column.display({
    id: "checks",
    header: "Checks",
    meta: { narrow: "line" },
    cell: ({ row: { original: asset } }) => (
      <ul className="flex flex-wrap gap-x-4 gap-y-1">
        {order
          .filter((look) => asset.checks[look] > 0)
          .map((look) => (
            <li key={look} className="inline-flex items-center gap-1.5 text-xs whitespace-nowrap text-ink-2">
              <Glyph look={look} size={12} />
              <span className="font-semibold text-ink">{asset.checks[look]}</span> {lookWord[look].toLowerCase()}
            </li>
          ))}
      </ul>
    ),
  }),
  column.display({
    id: "confirmed",
    header: "Last confirmed",
    meta: { align: "end" },
    cell: ({ row }) => <Time at={row.original.last_confirmed_at} missing="never measured" />,
  }),
];
