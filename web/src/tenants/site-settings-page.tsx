import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { AccessPanel } from "../access/panel";
import { api } from "../api/client";
import { wordsFor } from "../api/error-words";
import { permission } from "../api/identity";
import type { Code } from "../api/types";
import { useDenied } from "../auth/context";
import { Button } from "../ui/button";
import { Chip, type Tone } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Empty } from "../ui/empty";
import { Fact, Facts } from "../ui/facts";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { say } from "../ui/toast";
import { codesQuery, siteQuery } from "./queries";

const route = getRouteApi("/sites/$siteId/settings");

export function prefetch(client: QueryClient, siteId: string): void {
  void client.prefetchQuery(codesQuery(siteId));
}

export function Page() {
  const { siteId } = route.useParams();
  const site = useQuery(siteQuery(siteId));
  const denied = useDenied();
  const codes = useQuery({ ...codesQuery(siteId), enabled: !denied("code.read") });
  return (
    <div className="grid items-start gap-3.5 lg:grid-cols-[minmax(0,1fr)_22rem]">
      {!denied("code.read") && (
        <Panel
          title="Provisioning codes"
          note="each enrols one appliance, once, within 30 days"
          action={<NewCode siteId={siteId} />}
        >
          <QueryView query={codes} what="Provisioning codes" skeleton={<RowsSkeleton rows={3} />}>
            {({ items }) =>
              items.length === 0 ? (
                <Empty title="No codes">
                  A code lets one machine join this site. It is shown once, when it is made.
                </Empty>
              ) : (
                <DataTable
                  label="Provisioning codes"
                  columns={columns(siteId)}
                  rows={items}
                  rowKey={(code) => code.id}
                />
              )
            }
          </QueryView>
        </Panel>
      )}
      <div className="grid min-w-0 gap-3.5">
        <Panel title="Site">
          <QueryView query={site} what="Site" skeleton={<Bar className="m-4 w-40" />}>
            {(data) => (
              <Facts>
                <Fact name="Name">{data.name}</Fact>
                <Fact name="Organisation">{data.org.name}</Fact>
                <Fact name="Partner">{data.partner.name}</Fact>
                <Fact name="Time zone">{data.timezone}</Fact>
                <Fact name="Added">
                  <Time at={data.created_at} focusable />
                </Fact>
                <Fact name="Id">
                  <code className="select-all">{data.id}</code>
                </Fact>
              </Facts>
            )}
          </QueryView>
        </Panel>
        {site.data && !denied(permission.seeAccess) && <AccessPanel org={site.data.org} />}
      </div>
    </div>
  );
}

function NewCode({ siteId }: { siteId: string }) {
  const denied = useDenied();
  const reason = denied("code.create");
  if (reason) {
    return (
      <Button icon="add" disabledReason={reason}>
        New code
      </Button>
    );
  }
  return (
    <Link to="/provision" search={{ site: siteId }} className="btn">
      New code
    </Link>
  );
}

const column = columnsOf<Code>();

const stateTone: Record<string, Tone> = { open: "accent", claimed: "good", expired: "neutral", revoked: "neutral" };
const stateWord: Record<string, string> = {
  open: "Waiting",
  claimed: "Claimed",
  expired: "Expired",
  revoked: "Revoked",
};

const columns = (siteId: string): Columns<Code> => [
  column.display({
    id: "label",
    header: "Label",
    cell: ({ row }) => (
      <>
        <span className="font-medium">{row.original.label || "no label"}</span>
        <div className="text-xs text-ink-3">by {row.original.created_by}</div>
      </>
    ),
  }),
  column.display({
    id: "status",
    header: "Status",
    cell: ({ row }) => (
      <Chip tone={stateTone[row.original.state] ?? "neutral"}>
        {stateWord[row.original.state] ?? row.original.state}
      </Chip>
    ),
  }),
  column.display({
    id: "made",
    header: "Made",
    meta: { narrow: "hide" },
    cell: ({ row }) => <Time at={row.original.created_at} />,
  }),
  column.display({ id: "expires", header: "Expires", cell: ({ row }) => <Time at={row.original.expires_at} /> }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end" },
    cell: ({ row }) => (row.original.state === "open" ? <RevokeCode siteId={siteId} code={row.original} /> : null),
  }),
];

function RevokeCode({ siteId, code }: { siteId: string; code: Code }) {
  const denied = useDenied();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const revoke = useMutation({
    mutationFn: () => api.delete("/api/codes/{code_id}", { path: { code_id: code.id } }),
    onSuccess: () => {
      setAsking(false);
      say("The code is revoked");
    },
    onError: (error) => say(`The code was not revoked. ${wordsFor(error).title}.`, "bad"),
    onSettled: () => client.invalidateQueries({ queryKey: codesQuery(siteId).queryKey }),
  });
  return (
    <>
      <Button look="quiet" disabledReason={denied("code.revoke")} onClick={() => setAsking(true)}>
        Revoke
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title="Revoke this code?"
        action="Revoke code"
        busy={revoke.isPending}
        onConfirm={() => revoke.mutate()}
      >
        A machine that has not used it yet can no longer join with it. Appliances that are enrolled are not affected.
      </ConfirmDialog>
    </>
  );
}
