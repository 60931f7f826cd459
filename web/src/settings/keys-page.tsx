import { type QueryClient, useQuery } from "@tanstack/react-query";
import type { SealingKey } from "../api/types";
import { count, humanise } from "../lib/format";
import { Chip } from "../ui/chip";
import { Digest } from "../ui/digest";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { KeyRotations } from "./key-rotations";
import { keyRotationsQuery, keysQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchQuery(keysQuery());
  void client.prefetchQuery(keyRotationsQuery());
}

export function Page() {
  const query = useQuery(keysQuery());
  return (
    <div className="grid gap-4">
      <KeyRotations />
      <Panel title="Keys" note="what this installation seals and signs with; no key itself is ever shown">
        <QueryView query={query} what="Keys" skeleton={<RowsSkeleton rows={5} />}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No keys" />
            ) : (
              <DataTable label="Keys" columns={columns} rows={items} rowKey={(key) => `${key.purpose} ${key.id}`} />
            )
          }
        </QueryView>
      </Panel>
    </div>
  );
}

function StateChip({ value: key }: { value: SealingKey }) {
  if (key.configured === false && key.rows_sealed)
    return (
      <Chip tone="bad" icon="incident" tip="Values are sealed under it, and this server cannot open them">
        Missing
      </Chip>
    );
  if (key.state === "current")
    return (
      <Chip tone="good" icon="check">
        In use
      </Chip>
    );
  if (key.state === "successor")
    return (
      <Chip icon="clock" tip="Appliances learn it now; it signs from the time on that stands here">
        Announced
      </Chip>
    );
  return (
    <Chip icon="clock" tip="Opens or verifies what was made with it; nothing new is">
      {key.state === "retired" ? "Retired" : "Earlier"}
    </Chip>
  );
}

const purposes: Record<string, string> = {
  server_facts: "Signs what the server itself records",
  checkpoint: "Signs the state of every log",
  orders: "Signs orders to appliances",
  rules: "Signs the rules that appliances follow",
  master: "Seals secrets in the database",
  csrf: "Ties requests to their page",
  password_pepper: "Goes into the hash of every password",
};

const column = columnsOf<SealingKey>();

const columns: Columns<SealingKey> = [
  column.display({
    id: "purpose",
    header: "Purpose",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium">{humanise(original.purpose)}</span>
        <div className="text-xs text-ink-3">{purposes[original.purpose]}</div>
      </>
    ),
  }),
  column.display({
    id: "state",
    header: "State",
    cell: ({ row: { original } }) => <StateChip value={original} />,
  }),
  column.display({
    id: "id",
    header: "Key id",
    meta: { narrow: "line" },
    cell: ({ row: { original } }) => <Digest hex={original.id} />,
  }),
  column.display({
    id: "since",
    header: "Since",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.since} missing="not recorded" />,
  }),
  column.display({
    id: "rows",
    header: "Values under it",
    meta: { align: "end", narrow: "hide" },
    cell: ({ row: { original } }) =>
      original.rows_sealed == null ? <span className="text-ink-3">not counted</span> : count(original.rows_sealed),
  }),
];
