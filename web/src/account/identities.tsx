import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Identity } from "../api/types";
import { goToProvider } from "../auth/session";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { identitiesQuery, offeredQuery } from "./queries";

/** Accounts elsewhere that sign this person in here. */
export function IdentitiesPanel() {
  const query = useQuery(identitiesQuery());
  const offered = useQuery(offeredQuery()).data?.items;
  return (
    <Panel title="Linked accounts" note="sign in with them instead of the password">
      <QueryView query={query} what="Linked accounts" skeleton={<RowsSkeleton rows={1} tall />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No linked account">
              {offered?.length === 0
                ? "There is nothing to link: no sign-in provider is set up for you here."
                : "Link one, and you can sign in with it."}
            </Empty>
          ) : (
            <ul className="divide-y divide-hair">
              {items.map((identity) => (
                <Row key={identity.id} identity={identity} />
              ))}
            </ul>
          )
        }
      </QueryView>
      <Offered linked={query.data?.items ?? []} />
    </Panel>
  );
}

function Row({ identity }: { identity: Identity }) {
  const [asking, setAsking] = useState(false);
  const unlink = useWrite({
    run: () => api.delete("/api/auth/identities/{identity_id}", { path: { identity_id: identity.id } }),
    done: `${identity.provider_name} is not linked any more`,
    failed: "The account is still linked",
    then: () => setAsking(false),
    touches: [identitiesQuery().queryKey],
  });
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
      <div className="min-w-40 flex-1">
        <p className="font-medium">{identity.provider_name}</p>
        <p className="text-xs text-ink-3">
          <span className="[overflow-wrap:anywhere]">{identity.email}</span>, linked <Time at={identity.linked_at} />
        </p>
      </div>
      <Button look="quiet" aria-label={`Unlink ${identity.provider_name}`} onClick={() => setAsking(true)}>
        Unlink
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Unlink ${identity.provider_name}?`}
        action="Unlink"
        busy={unlink.isPending}
        onConfirm={() => unlink.mutate()}
      >
        {identity.email} does not sign you in here any more. Your password and your passkeys still do.
      </ConfirmDialog>
    </li>
  );
}

/** The providers that are not linked yet; nothing when there are none. */
function Offered({ linked }: { linked: readonly Identity[] }) {
  const { data } = useQuery(offeredQuery());
  const link = useWrite({
    run: (provider_id: string) =>
      goToProvider(() => api.post("/api/auth/identities/link", { body: { provider_id } }), "/account"),
    failed: "The account was not linked",
  });
  const rest = data?.items.filter(({ name }) => !linked.some((identity) => identity.provider_name === name)) ?? [];
  if (rest.length === 0) return null;
  return (
    <div className="flex flex-wrap gap-2 border-t border-hair px-4 py-3">
      {rest.map(({ id, name }) => (
        <Button key={id} icon="add" busy={link.isPending} onClick={() => link.mutate(id)}>
          Link {name}
        </Button>
      ))}
    </div>
  );
}
