import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { Mail } from "../api/types";
import { useDenied } from "../auth/context";
import { plural } from "../lib/format";
import { flatten, pagesOf } from "../lib/pages";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip, type Tone } from "../ui/chip";
import { Empty } from "../ui/empty";
import { FilterSelect } from "../ui/field";
import type { IconName } from "../ui/icon";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { type MailState, mailQuery } from "./queries";

const route = getRouteApi("/settings/mail");

export function prefetch(client: QueryClient, { state }: { state?: MailState }): void {
  void client.prefetchInfiniteQuery(mailQuery(state));
}

export function Page() {
  const { state } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery(mailQuery(state));
  return (
    <Panel
      title="Mail"
      note="what this installation sends: invitations, resets, notices"
      action={
        <FilterSelect
          label="State"
          value={state ?? ""}
          options={[
            ["", "All"],
            ["failed", "Failed"],
            ["queued", "Waiting"],
            ["sent", "Sent"],
          ]}
          onChange={(next) => navigate({ search: next ? { state: next } : {}, replace: true })}
        />
      }
    >
      <QueryView query={query} what="Mail" skeleton={<RowsSkeleton rows={6} tall />}>
        {(data) => {
          const rows = flatten(data);
          if (rows.length === 0) return <Empty title={state ? "No mail in this state" : "Nothing was sent yet"} />;
          return (
            <DataTable label="Mail" columns={columns} rows={rows} rowKey={(mail) => mail.id} more={pagesOf(query)} />
          );
        }}
      </QueryView>
    </Panel>
  );
}

const states: Record<string, { word: string; tone: Tone; icon: IconName }> = {
  queued: { word: "Waiting", tone: "neutral", icon: "clock" },
  sent: { word: "Sent", tone: "good", icon: "check" },
  failed: { word: "Failed", tone: "bad", icon: "incident" },
};

const column = columnsOf<Mail>();

const columns: Columns<Mail> = [
  column.display({
    id: "to",
    header: "To",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium [overflow-wrap:anywhere]">{original.to}</span>
        <div className="text-xs text-ink-3">{original.subject}</div>
      </>
    ),
  }),
  column.display({
    id: "state",
    header: "State",
    cell: ({ row: { original } }) => {
      const { word, tone, icon } = states[original.state] ?? {
        word: original.state,
        tone: "neutral" as const,
        icon: "more" as const,
      };
      return (
        <Chip tone={tone} icon={icon}>
          {word}
        </Chip>
      );
    },
  }),
  column.display({
    id: "error",
    header: "What went wrong",
    meta: { narrow: "line" },
    cell: ({ row: { original } }) =>
      original.last_error ? (
        <>
          <span className="[overflow-wrap:anywhere]">{original.last_error}</span>
          <div className="text-xs text-ink-3">{plural(original.attempts, "attempt")}</div>
        </>
      ) : null,
  }),
  column.display({
    id: "made",
    header: "Made",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.created_at} />,
  }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end" },
    cell: ({ row: { original } }) => (original.state === "failed" ? <Retry mail={original} /> : null),
  }),
];

function Retry({ mail }: { mail: Mail }) {
  const denied = useDenied();
  const retry = useWrite({
    run: () => api.post("/api/mail/{mail_id}/retry", { path: { mail_id: mail.id }, body: {} }),
    done: `The mail to ${mail.to} is tried again`,
    failed: "The mail is not tried again",
    touches: [["mail"]],
  });
  return (
    <Button
      icon="retry"
      busy={retry.isPending}
      disabledReason={denied(permission.retryMail)}
      onClick={() => retry.mutate()}
    >
      Try again
    </Button>
  );
}
