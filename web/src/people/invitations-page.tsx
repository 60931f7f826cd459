import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { Invitation } from "../api/types";
import { useDenied } from "../auth/context";
import { flatten, pagesOf } from "../lib/pages";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip, type Tone } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Empty } from "../ui/empty";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { invitationsQuery } from "./queries";
import { RoleCell } from "./role-cell";

export function prefetch(client: QueryClient): void {
  void client.prefetchInfiniteQuery(invitationsQuery());
}

export function Page() {
  const query = useInfiniteQuery(invitationsQuery());
  return (
    <div className="panel">
      <QueryView query={query} what="Invitations" skeleton={<RowsSkeleton rows={5} tall />}>
        {(data) => {
          const rows = flatten(data);
          if (rows.length === 0)
            return <Empty title="No invitations">Whom you invite is listed here until they have accepted.</Empty>;
          return (
            <DataTable
              label="Invitations"
              columns={columns}
              rows={rows}
              rowKey={(invitation) => invitation.id}
              more={pagesOf(query)}
            />
          );
        }}
      </QueryView>
    </div>
  );
}

const states: Record<string, [string, Tone]> = {
  open: ["Waiting", "accent"],
  accepted: ["Accepted", "good"],
  expired: ["Expired", "neutral"],
  revoked: ["Revoked", "neutral"],
};

const column = columnsOf<Invitation>();

const columns: Columns<Invitation> = [
  column.display({
    id: "email",
    header: "E-mail",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium [overflow-wrap:anywhere]">{original.email}</span>
        <div className="text-xs text-ink-3">
          by {original.invited_by}, <Time at={original.created_at} />
        </div>
      </>
    ),
  }),
  column.display({
    id: "state",
    header: "Status",
    cell: ({ row: { original } }) => {
      const [word, tone] = states[original.state] ?? [original.state, "neutral"];
      return <Chip tone={tone}>{word}</Chip>;
    },
  }),
  column.display({
    id: "role",
    header: "As",
    meta: { narrow: "line" },
    cell: ({ row: { original } }) => <RoleCell role={original.role} place={original.place_name} />,
  }),
  column.display({
    id: "expires",
    header: "Expires",
    meta: { narrow: "hide", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => (original.state === "open" ? <Time at={original.expires_at} /> : null),
  }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end", narrow: "line" },
    cell: ({ row: { original } }) =>
      original.state === "accepted" || original.state === "revoked" ? null : <Actions invitation={original} />,
  }),
];

function Actions({ invitation }: { invitation: Invitation }) {
  const denied = useDenied();
  const [asking, setAsking] = useState(false);
  const path = { invitation_id: invitation.id };
  const resend = useWrite({
    run: () => api.post("/api/invitations/{invitation_id}/resend", { path, body: {} }),
    done: `A new link is on its way to ${invitation.email}; the old one does not work any more`,
    failed: "The invitation was not sent again",
    touches: [["invitations"]],
  });
  const revoke = useWrite({
    run: () => api.delete("/api/invitations/{invitation_id}", { path }),
    done: "The invitation is revoked",
    failed: "The invitation was not revoked",
    then: () => setAsking(false),
    touches: [["invitations"]],
  });
  return (
    <span className="inline-flex flex-wrap gap-1 max-sm:-ml-3">
      <Button
        look="quiet"
        busy={resend.isPending}
        disabledReason={denied(permission.resendInvitation)}
        onClick={() => resend.mutate()}
      >
        Send again
      </Button>
      {invitation.state === "open" && (
        <Button look="quiet" disabledReason={denied(permission.revokeInvitation)} onClick={() => setAsking(true)}>
          Revoke
        </Button>
      )}
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Revoke the invitation to ${invitation.email}?`}
        action="Revoke invitation"
        busy={revoke.isPending}
        onConfirm={() => revoke.mutate()}
      >
        The link in their mail stops working. You can invite them again at any time.
      </ConfirmDialog>
    </span>
  );
}
