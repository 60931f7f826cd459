import { type QueryClient, useQuery } from "@tanstack/react-query";
import type { SealingKey } from "../api/identity";
import { count, humanise } from "../lib/format";
import { Chip } from "../ui/chip";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { keysQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchQuery(keysQuery());
}

export function Page() {
  const query = useQuery(keysQuery());
  return (
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
  );
}

const column = columnsOf<SealingKey>();

const columns: Columns<SealingKey> = [
  column.display({
    id: "purpose",
    header: "Purpose",
    cell: ({ row: { original } }) => <span className="font-medium">{humanise(original.purpose)}</span>,
  }),
  column.display({
    id: "state",
    header: "State",
    cell: ({ row: { original } }) =>
      original.state === "current" ? (
        <Chip tone="good" icon="check">
          In use
        </Chip>
      ) : (
        <Chip icon="clock" tip="Opens what was sealed or signed with it; nothing new is">
          Earlier
        </Chip>
      ),
  }),
  column.display({
    id: "id",
    header: "Key id",
    meta: { narrow: "line" },
    cell: ({ row: { original } }) => <code className="select-all">{original.id}</code>,
  }),
  column.display({
    id: "since",
    header: "Since",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.since} />,
  }),
  column.display({
    id: "rows",
    header: "Values under it",
    meta: { align: "end", narrow: "hide" },
    cell: ({ row: { original } }) =>
      original.rows_sealed == null ? <span className="text-ink-3">not counted</span> : count(original.rows_sealed),
  }),
];
