import { useQuery } from "@tanstack/react-query";
import { allOrganisationsQuery } from "../access/queries";
import type { Organisation } from "../api/types";
import { plural } from "../lib/format";
import { Empty } from "../ui/empty";
import { PageHead } from "../ui/page-head";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";

/** Home of those who see which clinics there are, and nothing of how they stand. */
export function BillingHome() {
  const query = useQuery(allOrganisationsQuery());
  return (
    <>
      <PageHead
        title="Your clinics"
        documentTitle="Overview"
        sub={
          query.data
            ? `${query.data.complete ? "" : "More than "}${plural(query.data.items.length, "clinic")} under contract with your company.`
            : undefined
        }
      />
      <div className="panel">
        <QueryView query={query} what="Clinics" skeleton={<RowsSkeleton rows={8} />}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No clinics yet">Your administrator adds them.</Empty>
            ) : (
              <DataTable label="Clinics" columns={columns} rows={items} rowKey={(org) => org.id} />
            )
          }
        </QueryView>
      </div>
    </>
  );
}

const column = columnsOf<Organisation>();

const columns: Columns<Organisation> = [
  column.display({
    id: "name",
    header: "Clinic",
    cell: ({ row: { original } }) => <span className="font-medium">{original.name}</span>,
  }),
  column.display({
    id: "added",
    header: "Added",
    meta: { align: "end", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.created_at} />,
  }),
];
