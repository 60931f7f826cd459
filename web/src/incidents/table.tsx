import { plural } from "../lib/format";
import { RowLink } from "../ui/row-link";
import { Severity } from "../ui/severity";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import type { IncidentRow } from "../api/types";
import { IncidentStateChip } from "./state";
import { IncidentTitle } from "./title";

type TableProps = Parameters<typeof DataTable<IncidentRow>>[0];

interface Props extends Pick<TableProps, "more" | "sort"> {
  rows: IncidentRow[];
  /** Inside a site its name would be said on every line. */
  ofOneSite?: boolean;
}

export function IncidentsTable({ rows, more, sort, ofOneSite = false }: Props) {
  return (
    <DataTable
      label="Incidents"
      columns={ofOneSite ? withoutSite : columns}
      rows={rows}
      rowKey={(incident) => incident.id}
      {...(more ? { more } : {})}
      {...(sort ? { sort } : {})}
    />
  );
}

const column = columnsOf<IncidentRow>();

const columns: Columns<IncidentRow> = [
  column.display({
    id: "severity",
    header: "Severity",
    meta: { sort: "severity", className: "w-px", narrow: "line" },
    cell: ({ row }) => <Severity value={row.original.severity} />,
  }),
  column.display({
    id: "title",
    header: "Incident",
    meta: { narrow: "line", className: "@2xl:w-full" },
    cell: ({ row: { original: incident } }) => (
      <>
        <RowLink link={{ to: "/incidents/$incidentId", params: { incidentId: incident.id } }}>
          <IncidentTitle title={incident.title} open={incident.resolved_at == null} />
        </RowLink>
        <div className="line-clamp-1 text-xs text-ink-3">
          {incident.asset_name} · {incident.why}
        </div>
      </>
    ),
  }),
  column.display({
    id: "site",
    header: "Site",
    meta: { className: "max-w-56", narrow: "line" },
    cell: ({ row }) => <span className="block truncate text-ink-2">{row.original.site_name}</span>,
  }),
  column.display({ id: "state", header: "State", cell: ({ row }) => <IncidentStateChip state={row.original.state} /> }),
  column.display({
    id: "recurrences",
    header: "Came back",
    meta: { narrow: "hide", align: "end", className: "whitespace-nowrap" },
    cell: ({ row }) =>
      row.original.recurrences > 0 ? plural(row.original.recurrences, "time") : <span className="text-ink-3">no</span>,
  }),
  column.display({
    id: "opened",
    header: "Opened",
    meta: { sort: "newest" },
    cell: ({ row }) => <Time at={row.original.opened_at} />,
  }),
];

const withoutSite = columns.filter(({ id }) => id !== "site");
