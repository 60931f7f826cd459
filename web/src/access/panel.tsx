import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { Access, Grant } from "../api/types";
import { useDenied } from "../auth/context";
import { useNow } from "../lib/now";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { activeNow } from "./active";
import { GrantDialog } from "./grant";
import { accessQuery } from "./queries";
import { RequestDialog } from "./request";

interface Org {
  id: string;
  name: string;
}

/** Who sees a client: everybody whose role does, or only those with a grant. */
export function AccessPanel({ org }: { org: Org }) {
  const denied = useDenied();
  const query = useQuery(accessQuery(org.id));
  const [open, setOpen] = useState<"grant" | "request">();
  const close = () => setOpen(undefined);
  return (
    <Panel title={`Who sees ${org.name}`}>
      <QueryView query={query} what="Access" skeleton={<RowsSkeleton rows={3} />}>
        {(access) => (
          <>
            <Restriction org={org} access={access} />
            {access.restricted && <Grants org={org} grants={access.grants} />}
            <Emergencies access={access} />
            <div className="flex flex-wrap gap-2 border-t border-hair px-4 py-3">
              {access.restricted && (
                <Button icon="add" disabledReason={denied(permission.grant)} onClick={() => setOpen("grant")}>
                  Give access
                </Button>
              )}
              {access.restricted && !denied(permission.requestBreakGlass) && (
                <Button onClick={() => setOpen("request")}>Ask for emergency access</Button>
              )}
              {!access.restricted && (
                <p className="text-xs text-ink-3">Grants and emergency access matter once it is restricted.</p>
              )}
            </div>
          </>
        )}
      </QueryView>
      <GrantDialog org={org} open={open === "grant"} onClose={close} />
      <RequestDialog org={org} open={open === "request"} onClose={close} />
    </Panel>
  );
}

function Restriction({ org, access }: { org: Org; access: Access }) {
  const denied = useDenied();
  const [asking, setAsking] = useState(false);
  const reason = denied(permission.changeAccess);
  const set = useWrite({
    run: (restricted: boolean) =>
      api.put("/api/organisations/{org_id}/access", { path: { org_id: org.id }, body: { restricted } }),
    done: (_, restricted) =>
      restricted ? `Only people with a grant see ${org.name}` : `Everybody whose role allows it sees ${org.name}`,
    failed: "Access was not changed",
    then: () => setAsking(false),
    touches: [["access", org.id], ["sites"], ["organisations"]],
  });
  return (
    <div className="flex flex-wrap items-center gap-3 px-4 py-3">
      <div className="min-w-48 flex-1">
        <p className="flex items-center gap-2 font-medium">
          {access.restricted ? (
            <Chip tone="warn" icon="lock">
              Restricted
            </Chip>
          ) : (
            <Chip icon="people">Open to every role</Chip>
          )}
        </p>
        <p className="mt-1 text-xs text-ink-2">
          {access.restricted
            ? "Of the platform and the partner only people with a grant see it. Its own people see it as always."
            : "Everybody of the platform and the partner whose role allows it sees it."}
        </p>
      </div>
      <Button disabledReason={reason} onClick={() => setAsking(true)}>
        {access.restricted ? "Open it" : "Restrict it"}
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={access.restricted ? `Open ${org.name} to every role?` : `Restrict ${org.name}?`}
        action={access.restricted ? "Open it" : "Restrict it"}
        danger={access.restricted}
        busy={set.isPending}
        onConfirm={() => set.mutate(!access.restricted)}
      >
        {access.restricted
          ? "Everybody of the platform and the partner whose role allows it sees it again. The grants stay, and have no effect."
          : "From now on nobody of the platform and the partner sees it without a grant, you included. Nobody gives one to themselves."}
      </ConfirmDialog>
    </div>
  );
}

function Grants({ org, grants }: { org: Org; grants: readonly Grant[] }) {
  if (grants.length === 0)
    return (
      <p className="border-t border-hair px-4 py-3 text-ink-2">Nobody of the platform or the partner has a grant.</p>
    );
  return (
    <ul aria-label="Grants" className="divide-y divide-hair border-t border-hair">
      {grants.map((grant) => (
        <GrantRow key={grant.user_id} org={org} grant={grant} />
      ))}
    </ul>
  );
}

function GrantRow({ org, grant }: { org: Org; grant: Grant }) {
  const denied = useDenied();
  const revoke = useWrite({
    run: () =>
      api.delete("/api/organisations/{org_id}/grants/{user_id}", {
        path: { org_id: org.id, user_id: grant.user_id },
      }),
    done: `${grant.user_name} does not see ${org.name} any more`,
    failed: "The grant was not taken back",
    touches: [["access", org.id]],
  });
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2">
      <div className="min-w-40 flex-1">
        <p className="font-medium">{grant.user_name}</p>
        <p className="text-xs text-ink-3">
          by {grant.granted_by}, <Time at={grant.granted_at} />
          {grant.expires_at ? (
            <>
              , ends <Time at={grant.expires_at} />
            </>
          ) : (
            ", without an end"
          )}
        </p>
        {grant.reason && <p className="text-xs text-ink-3">{grant.reason}</p>}
      </div>
      <Button
        look="quiet"
        busy={revoke.isPending}
        aria-label={`Take back from ${grant.user_name}`}
        disabledReason={denied(permission.revokeGrant)}
        onClick={() => revoke.mutate()}
      >
        Take back
      </Button>
    </li>
  );
}

function Emergencies({ access }: { access: Access }) {
  const now = useNow();
  const open = activeNow(access.break_glass, now);
  if (open.length === 0) return null;
  return (
    <ul aria-label="Emergency access" className="divide-y divide-hair border-t border-hair">
      {open.map((item) => (
        <li key={item.id} className="px-4 py-2">
          <p className="flex flex-wrap items-center gap-2 font-medium">
            {item.asked_by_name}
            <Chip tone="bad" icon="lock">
              Emergency access
            </Chip>
          </p>
          <p className="text-xs text-ink-3">
            ends <Time at={item.expires_at} />. {item.reason}
          </p>
        </li>
      ))}
    </ul>
  );
}
