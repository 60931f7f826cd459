import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { Approval } from "../api/types";
import { useDenied } from "../auth/context";
import { flatten, pagesOf } from "../lib/pages";
import { formProblem, useWrite } from "../lib/use-write";
import { PlacementFields, usePlacement } from "../people/placement";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Empty } from "../ui/empty";
import { DialogForm } from "../ui/form";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { approvalsQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchInfiniteQuery(approvalsQuery());
}

export function Page() {
  const query = useInfiniteQuery(approvalsQuery());
  return (
    <Panel title="Approvals" note="people who signed in with a provider for the first time">
      <QueryView query={query} what="Approvals" skeleton={<RowsSkeleton rows={3} tall />}>
        {(data) => {
          const rows = flatten(data);
          if (rows.length === 0)
            return (
              <Empty title="Nobody waits">
                Whoever signs in with a provider and is not known here waits on this page until you give them a role.
              </Empty>
            );
          return (
            <DataTable
              label="Approvals"
              columns={columns}
              rows={rows}
              rowKey={(approval) => approval.id}
              more={pagesOf(query)}
            />
          );
        }}
      </QueryView>
    </Panel>
  );
}

const column = columnsOf<Approval>();

const columns: Columns<Approval> = [
  column.display({
    id: "who",
    header: "Who",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium">{original.name || original.email}</span>
        <div className="text-xs text-ink-3 [overflow-wrap:anywhere]">{original.email}</div>
      </>
    ),
  }),
  column.display({
    id: "provider",
    header: "Provider",
    cell: ({ row: { original } }) => original.provider_name,
  }),
  column.display({
    id: "since",
    header: "Asked",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.requested_at} />,
  }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end", narrow: "line", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Actions approval={original} />,
  }),
];

function Actions({ approval }: { approval: Approval }) {
  const denied = useDenied();
  const reason = denied(permission.decideApproval);
  const [open, setOpen] = useState<"approve" | "reject">();
  const close = () => setOpen(undefined);
  const who = approval.name || approval.email;
  const reject = useWrite({
    run: () => api.post("/api/oidc/approvals/{approval_id}/reject", { path: { approval_id: approval.id }, body: {} }),
    done: `${who} is turned down`,
    failed: "Nothing was decided",
    then: close,
    touches: [["approvals"]],
  });
  return (
    <span className="inline-flex flex-wrap gap-1">
      <Button disabledReason={reason} onClick={() => setOpen("approve")}>
        Approve
      </Button>
      <Button look="quiet" disabledReason={reason} onClick={() => setOpen("reject")}>
        Turn down
      </Button>
      <Dialog
        open={open === "approve"}
        onClose={close}
        title={`Let ${who} in`}
        description={`${approval.email}, known to ${approval.provider_name}`}
      >
        <ApproveForm approval={approval} onClose={close} />
      </Dialog>
      <ConfirmDialog
        open={open === "reject"}
        onClose={close}
        title={`Turn ${who} down?`}
        action="Turn down"
        busy={reject.isPending}
        onConfirm={() => reject.mutate()}
      >
        They are told at their next attempt. You can invite them later by mail.
      </ConfirmDialog>
    </span>
  );
}

function ApproveForm({ approval, onClose }: { approval: Approval; onClose: () => void }) {
  const choice = usePlacement();
  const approve = useWrite({
    run: () =>
      api.post("/api/oidc/approvals/{approval_id}/approve", {
        path: { approval_id: approval.id },
        body: choice.placement,
      }),
    done: `${approval.name || approval.email} can sign in`,
    then: onClose,
    touches: [["approvals"], ["users"]],
  });
  return (
    <DialogForm
      action="Approve"
      busy={approve.isPending}
      disabledReason={choice.missing}
      problem={formProblem(approve.error)}
      onSubmit={() => approve.mutate()}
      onCancel={onClose}
    >
      <PlacementFields choice={choice} error={approve.error} />
    </DialogForm>
  );
}
