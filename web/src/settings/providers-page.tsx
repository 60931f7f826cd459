import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { Provider } from "../api/types";
import { useDenied } from "../auth/context";
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
import { ProviderDialog } from "./provider-form";
import { providersQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchInfiniteQuery(providersQuery());
}

export function Page() {
  const denied = useDenied();
  const query = useInfiniteQuery(providersQuery());
  const [adding, setAdding] = useState(false);
  return (
    <Panel
      title="Sign-in providers"
      note="people sign in with an account that they have there"
      action={
        <Button icon="add" disabledReason={denied(permission.addProvider)} onClick={() => setAdding(true)}>
          Add a provider
        </Button>
      }
    >
      <QueryView query={query} what="Sign-in providers" skeleton={<RowsSkeleton rows={3} tall />}>
        {(data) => {
          const rows = flatten(data);
          if (rows.length === 0)
            return (
              <Empty title="No providers">
                People sign in with e-mail and password, or with a passkey. A provider adds a button for accounts of
                your organisation.
              </Empty>
            );
          return (
            <DataTable
              label="Sign-in providers"
              columns={columns}
              rows={rows}
              rowKey={(provider) => provider.id}
              more={pagesOf(query)}
            />
          );
        }}
      </QueryView>
      <ProviderDialog open={adding} onClose={() => setAdding(false)} />
    </Panel>
  );
}

const column = columnsOf<Provider>();

const columns: Columns<Provider> = [
  column.display({
    id: "name",
    header: "Name",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium">{original.name}</span>
        <div className="text-xs text-ink-3 [overflow-wrap:anywhere]">{original.issuer}</div>
        {(original.partner_id ?? original.org_id) && (
          <div className="mt-1 text-xs text-ink-2">
            Its people sign in at{" "}
            <code className="select-all">{`${location.origin}/login?provider=${original.id}`}</code>
          </div>
        )}
      </>
    ),
  }),
  column.display({
    id: "state",
    header: "Status",
    cell: ({ row: { original } }) =>
      original.enabled ? (
        <Chip tone="good" icon="check">
          On
        </Chip>
      ) : (
        <Chip icon="close">Off</Chip>
      ),
  }),
  column.display({
    id: "domains",
    header: "Lets in",
    meta: { narrow: "line" },
    cell: ({ row: { original } }) =>
      original.allowed_domains.length === 0 ? (
        <span className="text-ink-3">nobody new by itself</span>
      ) : (
        <span className="[overflow-wrap:anywhere]">{original.allowed_domains.join(", ")}</span>
      ),
  }),
  column.display({
    id: "added",
    header: "Added",
    meta: { spare: true, narrow: "hide", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Time at={original.created_at} />,
  }),
  column.display({
    id: "actions",
    header: () => <span className="sr-only">Actions</span>,
    meta: { align: "end", narrow: "line", className: "whitespace-nowrap" },
    cell: ({ row: { original } }) => <Actions provider={original} />,
  }),
];

function Actions({ provider }: { provider: Provider }) {
  const denied = useDenied();
  const [open, setOpen] = useState<"edit" | "delete">();
  const close = () => setOpen(undefined);
  const path = { provider_id: provider.id };
  const toggle = useWrite({
    run: () => api.patch("/api/oidc/providers/{provider_id}", { path, body: { enabled: !provider.enabled } }),
    done: provider.enabled ? `Nobody signs in with ${provider.name} any more` : `${provider.name} is on`,
    failed: `${provider.name} was not changed`,
    touches: [["providers"]],
  });
  const remove = useWrite({
    run: () => api.delete("/api/oidc/providers/{provider_id}", { path }),
    done: `${provider.name} is removed`,
    failed: `${provider.name} was not removed`,
    then: close,
    touches: [["providers"]],
  });
  const reason = denied(permission.changeProvider);
  return (
    <span className="inline-flex gap-1 max-sm:-ml-3 max-sm:flex-wrap">
      <Button look="quiet" disabledReason={reason} busy={toggle.isPending} onClick={() => toggle.mutate()}>
        {provider.enabled ? "Switch off" : "Switch on"}
      </Button>
      <Button look="quiet" disabledReason={reason} onClick={() => setOpen("edit")}>
        Edit
      </Button>
      <Button look="quiet" disabledReason={denied(permission.deleteProvider)} onClick={() => setOpen("delete")}>
        Remove
      </Button>
      <ProviderDialog open={open === "edit"} onClose={close} provider={provider} />
      <ConfirmDialog
        open={open === "delete"}
        onClose={close}
        title={`Remove ${provider.name}?`}
        action="Remove provider"
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
      >
        Whoever signed in only with it needs another way: a password that they set with “Forgotten password?”, or a
        passkey. Accounts stay.
      </ConfirmDialog>
    </span>
  );
}
