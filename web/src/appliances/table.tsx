import { count, milliseconds, plural } from "../lib/format";
import { Chip } from "../ui/chip";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { ModeChip, modes } from "./mode";
import { PresenceChip } from "./presence";
import type { Appliance } from "../api/types";

type TableProps = Parameters<typeof DataTable<Appliance>>[0];

interface Props extends Pick<TableProps, "more"> {
  rows: Appliance[];
  ofOneSite?: boolean;
  onOpen: (appliance: Appliance) => void;
}

export function AppliancesTable({ rows, more, ofOneSite = false, onOpen }: Props) {
  const all = columns(onOpen);
  return (
    <DataTable
      label="Appliances"
      columns={ofOneSite ? all.filter(({ id }) => id !== "site") : all}
      rows={rows}
      rowKey={(appliance) => appliance.id}
      {...(more ? { more } : {})}
    />
  );
}

const column = columnsOf<Appliance>();

const columns = (onOpen: (appliance: Appliance) => void): Columns<Appliance> => [
  column.display({
    id: "hostname",
    header: "Appliance",
    cell: ({ row: { original: appliance } }) => (
      <>
        <button
          type="button"
          data-row-link=""
          aria-haspopup="dialog"
          className="text-left font-semibold after:absolute after:inset-0 group-hover:underline group-hover:decoration-line group-hover:underline-offset-2"
          onClick={() => onOpen(appliance)}
        >
          {appliance.hostname}
        </button>
        <div className="text-xs text-ink-3">
          {appliance.agent_version ? `agent ${appliance.agent_version}` : appliance.platform}
        </div>
      </>
    ),
  }),
  column.display({ id: "status", header: "Status", cell: ({ row }) => <PresenceChip status={row.original.status} /> }),
  column.display({
    id: "site",
    header: "Site",
    meta: { narrow: "line", className: "max-w-64" },
    cell: ({ row }) => <span className="block truncate text-ink-2">{row.original.site_name}</span>,
  }),
  column.display({
    id: "mode",
    header: "Mode",
    cell: ({ row: { original: appliance } }) => (
      <span className="flex flex-wrap gap-1">
        <ModeChip mode={appliance.mode} />
        {appliance.local_override && (
          <Chip tone="warn" tip={`Somebody at the site holds it at ${appliance.local_override}; that always wins`}>
            Held at the site: {modes[appliance.local_override]?.word ?? appliance.local_override}
          </Chip>
        )}
      </span>
    ),
  }),
  column.display({
    id: "queue",
    header: "Not yet sent",
    meta: { align: "end", narrow: "hide" },
    cell: ({
      row: {
        original: { outbox_depth: depth },
      },
    }) => (depth == null ? <span className="text-ink-3">–</span> : count(depth)),
  }),
  column.display({
    id: "cycle",
    header: "Last cycle",
    meta: { narrow: "hide" },
    cell: ({ row: { original: appliance } }) =>
      appliance.last_cycle ? (
        <span className="whitespace-nowrap">
          {plural(appliance.last_cycle.checks, "check")} in {milliseconds(appliance.last_cycle.duration_ms)}
          {appliance.last_cycle.errors > 0 && (
            <span className="text-unknown">, {plural(appliance.last_cycle.errors, "error")}</span>
          )}
        </span>
      ) : (
        <span className="text-ink-3">none</span>
      ),
  }),
  column.display({ id: "seen", header: "Last check-in", cell: ({ row }) => <Time at={row.original.last_seen_at} /> }),
];
