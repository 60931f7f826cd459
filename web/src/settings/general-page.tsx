import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { useDenied, useSession } from "../auth/context";
import { count, humanise, seconds } from "../lib/format";
import { Button } from "../ui/button";
import { Digest } from "../ui/digest";
import { Fact, Facts } from "../ui/facts";
import { Field } from "../ui/field";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { say } from "../ui/toast";
import type { ServerKey, Settings } from "../api/types";
import { settingsQuery } from "../system/queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchQuery(settingsQuery());
}

export function Page() {
  const query = useQuery(settingsQuery());
  return (
    <div className="grid items-start gap-3.5 lg:grid-cols-2">
      <Panel title="Installation">
        <QueryView query={query} what="Installation" skeleton={<Bar className="m-4 w-2/3" />}>
          {(settings) => (
            <>
              <Rename key={settings.name} settings={settings} />
              <Facts className="border-t border-hair">
                <Fact name="Address">{settings.public_url}</Fact>
                <Fact name="Id">
                  <code className="select-all">{settings.installation_id}</code>
                </Fact>
              </Facts>
            </>
          )}
        </QueryView>
      </Panel>
      <Panel title="Rules" note="fixed by the configuration of the server">
        <QueryView query={query} what="Rules" skeleton={<Bar className="m-4 w-2/3" />}>
          {(settings) => (
            <Facts>
              <Fact name="Session ends">after {seconds(settings.session_lifetime_s)}, whatever happens</Fact>
              <Fact name="Idle session ends">after {seconds(settings.session_idle_s)} without a person</Fact>
              <Fact name="Agents check in">every {seconds(settings.check_in_s)}</Fact>
              <Fact name="Evidence is kept">{count(settings.retention_days)} days</Fact>
              <Fact name="Stage">{humanise(settings.stage)}</Fact>
            </Facts>
          )}
        </QueryView>
      </Panel>
      <Panel title="Public keys of this server" note="a stranger verifies with these" className="lg:col-span-2">
        <QueryView query={query} what="Keys" skeleton={<RowsSkeleton rows={4} />}>
          {({ keys }) => <DataTable label="Public keys" columns={columns} rows={keys} rowKey={(key) => key.key_id} />}
        </QueryView>
      </Panel>
    </div>
  );
}

function Rename({ settings }: { settings: Settings }) {
  const denied = useDenied();
  const client = useQueryClient();
  const { session, update } = useSession();
  const [name, setName] = useState(settings.name);
  const rename = useMutation({
    mutationFn: () => api.patch("/api/settings", { body: { name: name.trim() } }),
    onSuccess: (next) => {
      client.setQueryData(settingsQuery().queryKey, next);
      update({ ...session, installation: { ...session.installation, name: next.name } });
      say("Renamed");
    },
  });
  const unchanged = name.trim() === settings.name;
  const problem = rename.error instanceof ApiError ? rename.error.fields[0]?.detail : undefined;
  return (
    <form
      className="flex flex-wrap items-end gap-2 px-4 py-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!unchanged && !rename.isPending) rename.mutate();
      }}
    >
      <div className="min-w-48 flex-1">
        <Field label="Name" error={rename.isError ? (problem ?? wordsFor(rename.error).title) : undefined}>
          {(ids) => (
            <input
              {...ids}
              className="input"
              value={name}
              maxLength={120}
              readOnly={Boolean(denied("settings.update"))}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
      </div>
      <Button
        type="submit"
        look="primary"
        busy={rename.isPending}
        disabledReason={
          denied("settings.update") ??
          (unchanged ? "the name has not changed" : name.trim() === "" ? "the name is empty" : undefined)
        }
      >
        Save
      </Button>
    </form>
  );
}

const purposes: Record<string, string> = {
  server_facts: "Signs what the server itself records: keys, approvals, changes",
  checkpoint: "Signs the state of every log, and nothing else",
  orders: "Signs orders to appliances",
  rules: "Signs the rules that appliances follow",
};

const column = columnsOf<ServerKey>();

const columns: Columns<ServerKey> = [
  column.display({
    id: "role",
    header: "Key",
    meta: { className: "@2xl:min-w-56", narrow: "line" },
    cell: ({ row }) => (
      <>
        <span className="font-semibold">{humanise(row.original.role)}</span>
        <div className="text-xs text-ink-3">{purposes[row.original.role]}</div>
      </>
    ),
  }),
  column.display({
    id: "id",
    header: "Key id",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row }) => <Digest hex={row.original.key_id} />,
  }),
  column.display({
    id: "public",
    header: "Public key",
    meta: { narrow: "line", className: "@2xl:min-w-48" },
    cell: ({ row: { original: key } }) => (
      <>
        <code className="select-all [overflow-wrap:anywhere]">{key.vkey ?? key.public_key_base64}</code>
        {key.vkey && (
          <div className="text-xs text-ink-3">
            Keep this line somewhere else: <code>proofline-verify --checkpoint-key</code> takes it
          </div>
        )}
      </>
    ),
  }),
  column.display({
    id: "created",
    header: "In force",
    meta: { className: "whitespace-nowrap" },
    cell: ({ row: { original: key } }) => (
      <>
        since <Time at={key.created_at} />
        {key.retired_at && (
          <>
            {" "}
            until <Time at={key.retired_at} />
          </>
        )}
      </>
    ),
  }),
];
