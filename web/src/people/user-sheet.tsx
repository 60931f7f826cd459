import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { User } from "../api/types";
import { useDenied, useSession } from "../auth/context";
import { levelOf, levelWord, roleMeaning, rolesInstead, roleWord } from "../auth/roles";
import { sentence } from "../lib/format";
import { useLast } from "../lib/last";
import { formProblem, useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Fact, Facts } from "../ui/facts";
import { Field } from "../ui/field";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { factorWord } from "./factor-word";
import { personQuery } from "./queries";

/** Everything about one person, and what can be done. */
export function UserSheet({
  userId: open,
  known,
  onClose,
}: {
  userId: string | undefined;
  known: User | undefined;
  onClose: () => void;
}) {
  const userId = useLast(open);
  const query = useQuery({
    ...personQuery(userId ?? ""),
    enabled: open !== undefined,
    ...(known ? { placeholderData: known } : {}),
  });
  const user = query.data;
  if (!userId) return null;
  return (
    <Dialog
      open={open !== undefined}
      shape="sheet"
      onClose={onClose}
      title={user?.name ?? "Person"}
      description={user?.email}
    >
      <QueryView query={query} what="Person" skeleton={<RowsSkeleton rows={5} />}>
        {(person) => (
          <>
            <Details user={person} />
            <RoleForm key={person.role} user={person} />
            <div className="flex flex-wrap gap-2 border-t border-hair px-5 py-4">
              {person.status === "active" ? <Suspend user={person} /> : <Restore user={person} />}
              <ResetFactors user={person} />
              <Delete user={person} onGone={onClose} />
            </div>
          </>
        )}
      </QueryView>
    </Dialog>
  );
}

function Details({ user }: { user: User }) {
  const level = levelOf(user.role);
  return (
    <Facts className="px-5">
      <Fact name="Status">
        {user.status === "suspended" ? (
          <Chip tone="warn" icon="lock">
            Suspended
          </Chip>
        ) : (
          <Chip icon="check">Active</Chip>
        )}
      </Fact>
      {user.suspended_reason && <Fact name="Why">{user.suspended_reason}</Fact>}
      <Fact name="Second factor">{user.second_factors.map(factorWord).join(", ") || "none set up yet"}</Fact>
      <Fact name="Belongs to">
        {user.place_name || levelWord[level]}
        <span className="block text-xs text-ink-3">{levelWord[level]}</span>
      </Fact>
      <Fact name="Last here">
        <Time at={user.last_seen_at} focusable />
      </Fact>
      <Fact name="Joined">
        <Time at={user.created_at} focusable />
      </Fact>
      <Fact name="Id">
        <code className="select-all">{user.id}</code>
      </Fact>
    </Facts>
  );
}

/** Why nothing can be done to this person by the one who looks. */
function useBarrier(user: User): (action: string) => string | undefined {
  const { session } = useSession();
  const denied = useDenied();
  return (action) =>
    denied(action) ??
    (user.id === session.user.id
      ? "this is you"
      : rolesInstead(user.role, session.user.role).length === 0
        ? `${roleWord(user.role)} stands above your role`
        : undefined);
}

function RoleForm({ user }: { user: User }) {
  const { session } = useSession();
  const barrier = useBarrier(user)(permission.changeRole);
  const [role, setRole] = useState(user.role);
  const change = useWrite({
    run: () => api.patch("/api/users/{user_id}", { path: { user_id: user.id }, body: { role } }),
    done: `${user.name} is now ${roleWord(role)}. Their sessions have ended.`,
    touches: [["users"]],
  });
  const roles = barrier ? [user.role] : rolesInstead(user.role, session.user.role);
  return (
    <form
      className="grid gap-3 border-t border-hair px-5 py-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!barrier && role !== user.role && !change.isPending) change.mutate();
      }}
    >
      <Field label="Role" hint={`They can ${roleMeaning(role)}.`} error={formProblem(change.error)}>
        {(ids) => (
          <select
            {...ids}
            className="input"
            value={role}
            disabled={Boolean(barrier)}
            onChange={(event) => setRole(event.target.value)}
          >
            {roles.map((name) => (
              <option key={name} value={name}>
                {sentence(roleWord(name))}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div>
        <Button
          type="submit"
          busy={change.isPending}
          disabledReason={barrier ?? (role === user.role ? "the role has not changed" : undefined)}
        >
          Change role
        </Button>
      </div>
    </form>
  );
}

function Suspend({ user }: { user: User }) {
  return (
    <Ask
      label="Suspend"
      barrier={useBarrier(user)(permission.suspend)}
      title={`Suspend ${user.name}?`}
      action="Suspend"
      reason
      run={(reason) => api.post("/api/users/{user_id}/suspend", { path: { user_id: user.id }, body: { reason } })}
      done={`${user.name} is suspended`}
    >
      Their sessions and tokens end at once, and they cannot sign in until somebody restores them.
    </Ask>
  );
}

function Restore({ user }: { user: User }) {
  const barrier = useBarrier(user)(permission.restore);
  const restore = useWrite({
    run: () => api.post("/api/users/{user_id}/restore", { path: { user_id: user.id }, body: {} }),
    done: `${user.name} can sign in again`,
    failed: `${user.name} was not restored`,
    touches: [["users"]],
  });
  return (
    <Button icon="play" disabledReason={barrier} busy={restore.isPending} onClick={() => restore.mutate()}>
      Restore
    </Button>
  );
}

function ResetFactors({ user }: { user: User }) {
  const barrier = useBarrier(user)(permission.resetFactors);
  return (
    <Ask
      label="Reset second factors"
      barrier={barrier ?? (user.second_factors.length === 0 ? "there is none to reset" : undefined)}
      title={`Reset the second factors of ${user.name}?`}
      action="Reset them"
      reason
      run={(reason) => api.post("/api/users/{user_id}/reset-factors", { path: { user_id: user.id }, body: { reason } })}
      done={`${user.name} sets up a new second factor at the next sign-in`}
    >
      Do this only when you are sure who asks, such as by calling them on a number that you know. Their passkeys, their
      authenticator app and their recovery codes stop working, and their sessions end.
    </Ask>
  );
}

function Delete({ user, onGone }: { user: User; onGone: () => void }) {
  return (
    <Ask
      label="Delete"
      barrier={useBarrier(user)(permission.deletePerson)}
      title={`Delete ${user.name}?`}
      action="Delete for good"
      typed={user.email}
      run={() => api.delete("/api/users/{user_id}", { path: { user_id: user.id } })}
      done={`${user.name} is deleted`}
      then={onGone}
    >
      The account, its sessions and its second factors are gone for good. What this person did stays in the audit log.
    </Ask>
  );
}

function Ask({
  label,
  barrier,
  title,
  action,
  reason = false,
  typed,
  run,
  done,
  then,
  children,
}: {
  label: string;
  barrier: string | undefined;
  title: string;
  action: string;
  reason?: boolean;
  typed?: string;
  run: (reason: string) => Promise<unknown>;
  done: string;
  then?: () => void;
  children: ReactNode;
}) {
  const [asking, setAsking] = useState(false);
  const write = useWrite({
    run,
    done,
    then: () => {
      setAsking(false);
      then?.();
    },
    touches: [["users"]],
  });
  return (
    <>
      <Button look="danger" disabledReason={barrier} onClick={() => setAsking(true)}>
        {label}
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => {
          setAsking(false);
          write.reset();
        }}
        title={title}
        action={action}
        reason={reason ? { label: "Why", minLength: 10 } : undefined}
        typed={typed}
        busy={write.isPending}
        problem={formProblem(write.error)}
        onConfirm={(text) => write.mutate(text)}
      >
        {children}
      </ConfirmDialog>
    </>
  );
}
