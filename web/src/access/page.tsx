import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { BreakGlass } from "../api/types";
import { useDenied, useSession } from "../auth/context";
import { plural } from "../lib/format";
import { flatten, pagesOf } from "../lib/pages";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip, type Tone } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Empty } from "../ui/empty";
import type { IconName } from "../ui/icon";
import { PageHead } from "../ui/page-head";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { EndButton } from "./end-button";
import { allOrganisationsQuery, breakGlassQuery } from "./queries";
import { RequestDialog } from "./request";

export function prefetch(client: QueryClient, may: (action: string) => boolean): void {
  void client.prefetchInfiniteQuery(breakGlassQuery());
  // Asking begins with one of them.
  if (may(permission.requestBreakGlass)) void client.prefetchQuery(allOrganisationsQuery());
}

export function Page() {
  const denied = useDenied();
  const query = useInfiniteQuery(breakGlassQuery());
  const [asking, setAsking] = useState(false);
  return (
    <>
      <PageHead
        title="Emergency access"
        sub="To restricted clients, for hours, with a reason. Two people decide, the client is told, and everything is recorded."
        actions={
          <Button
            look="primary"
            icon="lock"
            disabledReason={denied(permission.requestBreakGlass)}
            onClick={() => setAsking(true)}
          >
            Ask for access
          </Button>
        }
      />
      <div className="panel">
        <QueryView query={query} what="Emergency access" skeleton={<RowsSkeleton rows={4} tall />}>
          {(data) => {
            const rows = flatten(data);
            if (rows.length === 0)
              return (
                <Empty title="Nobody has asked yet">
                  Restricted clients are seen only by people with a grant. When none of them is there, somebody else can
                  ask for access here.
                </Empty>
              );
            return (
              <DataTable
                label="Emergency access"
                columns={columns}
                rows={rows}
                rowKey={(item) => item.id}
                more={pagesOf(query)}
              />
            );
          }}
        </QueryView>
      </div>
      <RequestDialog open={asking} onClose={() => setAsking(false)} />
    </>
  );
}

const states: Record<string, { word: string; tone: Tone; icon: IconName }> = {
  requested: { word: "Waits for a second person", tone: "warn", icon: "clock" },
  active: { word: "Open", tone: "bad", icon: "lock" },
  ended: { word: "Closed", tone: "neutral", icon: "check" },
};

const column = columnsOf<BreakGlass>();

const columns: Columns<BreakGlass> = [
  column.display({
    id: "client",
    header: "Client",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium">{original.org_name}</span>
        <div className="text-xs text-ink-3">
          {original.asked_by_name}, <Time at={original.requested_at} />
        </div>
      </>
    ),
  }),
  column.display({
    id: "state",
    header: "State",
    cell: ({ row: { original } }) => <StateCell item={original} />,
  }),
  column.display({
    id: "reason",
    header: "Why",
    meta: { narrow: "line", className: "@2xl:w-2/5" },
    cell: ({ row: { original } }) => (
      <>
        <span className="[overflow-wrap:anywhere]">{original.reason}</span>
        <div className="text-xs text-ink-3">
          Ticket {original.ticket}, {plural(original.hours, "hour")}
          {original.approved_by_name && `, approved by ${original.approved_by_name}`}
        </div>
      </>
    ),
  }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end", narrow: "line", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => (original.state === "ended" ? null : <Actions item={original} />),
  }),
];

function StateCell({ item }: { item: BreakGlass }) {
  const { word, tone, icon } = states[item.state] ?? {
    word: item.state,
    tone: "neutral" as const,
    icon: "more" as const,
  };
  return (
    <>
      <Chip tone={tone} icon={icon}>
        {word}
      </Chip>
      {item.state === "active" && (
        <div className="mt-0.5 text-xs text-ink-3">
          ends <Time at={item.expires_at} />
        </div>
      )}
      {item.state === "ended" && (
        <div className="mt-0.5 text-xs text-ink-3">
          <Time at={item.ended_at ?? item.expires_at} />
        </div>
      )}
    </>
  );
}

function Actions({ item }: { item: BreakGlass }) {
  const { session } = useSession();
  const denied = useDenied();
  const [asking, setAsking] = useState(false);
  const approve = useWrite({
    run: () => api.post("/api/break-glass/{break_glass_id}/approve", { path: { break_glass_id: item.id }, body: {} }),
    done: `${item.asked_by_name} has access to ${item.org_name}`,
    failed: "The request was not approved",
    then: () => setAsking(false),
    touches: [["break-glass"], ["access"]],
  });
  const own = item.asked_by === session.user.id ? "somebody else has to approve your request" : undefined;
  return (
    <span className="inline-flex flex-wrap gap-1">
      {item.state === "requested" && (
        <Button disabledReason={denied(permission.approveBreakGlass) ?? own} onClick={() => setAsking(true)}>
          Approve
        </Button>
      )}
      <EndButton item={item} />
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Let ${item.asked_by_name} see ${item.org_name}?`}
        action="Approve"
        danger={false}
        busy={approve.isPending}
        onConfirm={() => approve.mutate()}
      >
        <p>
          For {plural(item.hours, "hour")}, read only. Ticket {item.ticket}: {item.reason}
        </p>
        <p className="mt-2">Your name stands beside theirs in the record, and the client is told.</p>
      </ConfirmDialog>
    </span>
  );
}
