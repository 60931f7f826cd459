import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { Token } from "../api/types";
import { useDenied } from "../auth/context";
import { plural } from "../lib/format";
import { useNow } from "../lib/now";
import { flatten, pagesOf } from "../lib/pages";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { TokenDialog } from "./token-form";
import { tokensQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchInfiniteQuery(tokensQuery());
}

export function Page() {
  const denied = useDenied();
  const query = useInfiniteQuery(tokensQuery());
  const [making, setMaking] = useState(false);
  return (
    <Panel
      title="API tokens"
      note="what programs sign in with"
      action={
        <Button icon="add" disabledReason={denied(permission.createToken)} onClick={() => setMaking(true)}>
          New token
        </Button>
      }
    >
      <QueryView query={query} what="API tokens" skeleton={<RowsSkeleton rows={3} tall />}>
        {(data) => {
          const rows = flatten(data);
          if (rows.length === 0)
            return (
              <Empty title="No tokens">A token lets a program do a few named things in your name, until a date.</Empty>
            );
          return (
            <DataTable
              label="API tokens"
              columns={columns}
              rows={rows}
              rowKey={(token) => token.id}
              more={pagesOf(query)}
            />
          );
        }}
      </QueryView>
      <TokenDialog open={making} onClose={() => setMaking(false)} />
    </Panel>
  );
}

function StateChip({ token }: { token: Token }) {
  const now = useNow();
  if (token.revoked_at) return <Chip icon="close">Revoked</Chip>;
  if (token.expires_at && Date.parse(token.expires_at) < now) return <Chip icon="clock">Expired</Chip>;
  return (
    <Chip tone="good" icon="check">
      In force
    </Chip>
  );
}

const column = columnsOf<Token>();

const columns: Columns<Token> = [
  column.display({
    id: "name",
    header: "Name",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium">{original.name}</span>
        <div className="text-xs text-ink-3">
          <code>{original.prefix}…</code> by {original.created_by}
        </div>
      </>
    ),
  }),
  column.display({ id: "state", header: "Status", cell: ({ row: { original } }) => <StateChip token={original} /> }),
  column.display({
    id: "actions-of",
    header: "May",
    meta: { narrow: "line" },
    cell: ({ row: { original } }) => (
      <span data-tip={original.actions.join(", ")} className="text-ink-2">
        {original.actions.length <= 2 ? original.actions.join(", ") : plural(original.actions.length, "action")}
      </span>
    ),
  }),
  column.display({
    id: "used",
    header: "Last used",
    meta: { narrow: "hide", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.last_used_at} />,
  }),
  column.display({
    id: "expires",
    header: "Expires",
    meta: { narrow: "hide", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.expires_at} />,
  }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end" },
    cell: ({ row: { original } }) => (original.revoked_at ? null : <Revoke token={original} />),
  }),
];

function Revoke({ token }: { token: Token }) {
  const denied = useDenied();
  const [asking, setAsking] = useState(false);
  const revoke = useWrite({
    run: () => api.delete("/api/tokens/{token_id}", { path: { token_id: token.id } }),
    done: `“${token.name}” is revoked`,
    failed: "The token was not revoked",
    then: () => setAsking(false),
    touches: [["tokens"]],
  });
  return (
    <>
      <Button
        look="quiet"
        disabledReason={denied(permission.revokeToken)}
        aria-label={`Revoke ${token.name}`}
        onClick={() => setAsking(true)}
      >
        Revoke
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Revoke “${token.name}”?`}
        action="Revoke token"
        busy={revoke.isPending}
        onConfirm={() => revoke.mutate()}
      >
        Whatever signs in with it is refused at once. This cannot be undone; make a new token instead.
      </ConfirmDialog>
    </>
  );
}
