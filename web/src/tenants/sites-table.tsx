import type { SiteSummary } from "../api/types";
import { PresenceChip } from "../appliances/presence";
import { useLevel } from "../auth/context";
import { count, plural } from "../lib/format";
import { RowLink } from "../ui/row-link";
import { CoverageText, ScoreText, Strip } from "../ui/score";
import { columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";

type TableProps = Parameters<typeof DataTable<SiteSummary>>[0];

/** Sites at a glance, on the overview and in the list. */
export function SitesTable({
  label,
  rows,
  sort,
  more,
}: { label: string; rows: SiteSummary[] } & Pick<TableProps, "sort" | "more">) {
  return (
    <DataTable
      label={label}
      columns={columns}
      rows={rows}
      rowKey={(site) => site.id}
      {...(sort ? { sort } : {})}
      {...(more ? { more } : {})}
    />
  );
}

/** Whose site it is, for those who see those of several. */
function Owner({ site }: { site: SiteSummary }) {
  const level = useLevel();
  if (level === "practice") return null;
  if (site.org_name !== site.name) return `${site.org_name} · `;
  return level === "partner" ? null : `${site.partner_name} · `;
}

const column = columnsOf<SiteSummary>();

const columns: TableProps["columns"] = [
  column.display({
    id: "name",
    header: "Site",
    meta: { sort: "name", className: "@2xl:min-w-48" },
    cell: ({ row: { original: site } }) => (
      <>
        <RowLink link={{ to: "/sites/$siteId", params: { siteId: site.id } }}>{site.name}</RowLink>
        <div className="text-xs text-ink-3">
          <Owner site={site} />
          {plural(site.asset_count, "machine")}
        </div>
      </>
    ),
  }),
  column.display({
    id: "score",
    header: "Score",
    meta: { align: "end", sort: "risk" },
    cell: ({ row }) => (
      <>
        <ScoreText score={row.original.score} />
        <div className="text-xs whitespace-nowrap text-ink-3 @4xl:hidden">
          <CoverageText coverage={row.original.coverage} /> assessed
        </div>
      </>
    ),
  }),
  column.display({
    id: "coverage",
    header: "Coverage",
    meta: { align: "end", spare: true },
    cell: ({ row }) => <CoverageText coverage={row.original.coverage} />,
  }),
  column.display({
    id: "controls",
    header: "Controls",
    meta: { narrow: "line" },
    cell: ({ row }) => <Strip states={row.original.strip} />,
  }),
  column.display({
    id: "open",
    header: "Open",
    meta: { align: "end", narrow: "hide" },
    cell: ({ row }) => count(row.original.open_incidents),
  }),
  column.display({
    id: "appliance",
    header: "Appliance",
    cell: ({ row }) => <PresenceChip status={row.original.appliance_status} />,
  }),
  column.display({
    id: "evidence",
    header: "Last evidence",
    cell: ({ row }) => <Time at={row.original.last_evidence_at} missing="none yet" />,
  }),
];
