import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api } from "../api/client";
import type { Enrolled, Factors, Passkey } from "../api/types";
import { useSession } from "../auth/context";
import { PasskeySetup } from "../auth/factors/passkey-setup";
import { RecoveryCodes } from "../auth/factors/recovery-codes";
import { TotpSetup } from "../auth/factors/totp-setup";
import { plural } from "../lib/format";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Icon, type IconName } from "../ui/icon";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { say } from "../ui/toast";
import { factorsQuery } from "./queries";

type Open = "passkey" | "totp" | { codes: string[] };

/** What confirms this person beside the password. */
export function FactorsPanel() {
  const { session, update } = useSession();
  const client = useQueryClient();
  const query = useQuery(factorsQuery());
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);

  function added(result: Enrolled, words: string) {
    update(result.session);
    void client.invalidateQueries({ queryKey: factorsQuery().queryKey });
    say(words);
    setOpen(result.recovery_codes ? { codes: result.recovery_codes } : undefined);
  }

  return (
    <Panel
      title="Second factors"
      note="what confirms that it is you"
      action={
        <Button icon="add" onClick={() => setOpen("passkey")}>
          Add a passkey
        </Button>
      }
    >
      <QueryView query={query} what="Second factors" skeleton={<RowsSkeleton rows={3} tall />}>
        {(factors) => (
          <ul className="divide-y divide-hair">
            {factors.passkeys.map((passkey) => (
              <PasskeyRow key={passkey.id} passkey={passkey} factors={factors} />
            ))}
            <TotpRow factors={factors} onAdd={() => setOpen("totp")} />
            <RecoveryRow factors={factors} onCodes={(codes) => setOpen({ codes })} />
          </ul>
        )}
      </QueryView>
      <Dialog open={open === "passkey"} onClose={close} title="Make a passkey">
        <div className="px-5 py-4">
          <PasskeySetup onDone={(result) => added(result, "The passkey is added")} onCancel={close} />
        </div>
      </Dialog>
      <Dialog open={open === "totp"} onClose={close} title="Connect an authenticator app">
        <div className="px-5 py-4">
          <TotpSetup onDone={(result) => added(result, "The authenticator app is connected")} onCancel={close} />
        </div>
      </Dialog>
      <Dialog open={typeof open === "object"} onClose={close} title="Keep your recovery codes">
        <div className="px-5 py-4">
          {typeof open === "object" && (
            <RecoveryCodes codes={open.codes} session={session} action="Done" onDone={close} />
          )}
        </div>
      </Dialog>
    </Panel>
  );
}

function Row({
  icon,
  title,
  sub,
  children,
}: {
  icon: IconName;
  title: ReactNode;
  sub: ReactNode;
  children: ReactNode;
}) {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
      <Icon name={icon} size={18} className="text-ink-3" />
      <div className="min-w-40 flex-1">
        <p className="flex flex-wrap items-center gap-2 font-medium">{title}</p>
        <p className="text-xs text-ink-3">{sub}</p>
      </div>
      {children}
    </li>
  );
}

const isLast = ({ totp, passkeys }: Factors) => passkeys.length + (totp ? 1 : 0) === 1;
const lastReason = "it is your last second factor; add another one first";

function useCounted() {
  const { session, update } = useSession();
  const client = useQueryClient();
  // The session counts the factors too: the next step-up must not offer one that is gone.
  return async () => {
    const now = await client.fetchQuery({ ...factorsQuery(), staleTime: 0 });
    update({
      ...session,
      factors: {
        ...session.factors,
        totp: now.totp !== null,
        passkeys: now.passkeys.length,
        recovery_codes_left: now.recovery_codes_left,
      },
    });
  };
}

function PasskeyRow({ passkey, factors }: { passkey: Passkey; factors: Factors }) {
  const [asking, setAsking] = useState(false);
  const count = useCounted();
  const remove = useWrite({
    run: () => api.delete("/api/auth/factors/passkeys/{passkey_id}", { path: { passkey_id: passkey.id } }),
    done: `The passkey “${passkey.name}” is removed`,
    failed: "The passkey was not removed",
    then: () => {
      setAsking(false);
      void count();
    },
  });
  return (
    <Row
      icon="key"
      title={passkey.name}
      sub={
        <>
          Passkey, added <Time at={passkey.created_at} />, last used <Time at={passkey.last_used_at} />
        </>
      }
    >
      <Button
        look="quiet"
        disabledReason={isLast(factors) ? lastReason : undefined}
        aria-label={`Remove ${passkey.name}`}
        onClick={() => setAsking(true)}
      >
        Remove
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Remove “${passkey.name}”?`}
        action="Remove passkey"
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
      >
        It does not open this account any more. The device may go on offering it; delete it there as well.
      </ConfirmDialog>
    </Row>
  );
}

function TotpRow({ factors, onAdd }: { factors: Factors; onAdd: () => void }) {
  const [asking, setAsking] = useState(false);
  const count = useCounted();
  const remove = useWrite({
    run: () => api.delete("/api/auth/factors/totp", {}),
    done: "The authenticator app is disconnected",
    failed: "The authenticator app was not disconnected",
    then: () => {
      setAsking(false);
      void count();
    },
  });
  return (
    <Row
      icon="phone"
      title="Authenticator app"
      sub={
        factors.totp ? (
          <>
            Connected <Time at={factors.totp.confirmed_at} />
          </>
        ) : (
          "Not connected. Six digits from an app on your phone."
        )
      }
    >
      {factors.totp ? (
        <Button
          look="quiet"
          disabledReason={isLast(factors) ? lastReason : undefined}
          aria-label="Remove the authenticator app"
          onClick={() => setAsking(true)}
        >
          Remove
        </Button>
      ) : (
        <Button onClick={onAdd}>Connect</Button>
      )}
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title="Disconnect the authenticator app?"
        action="Disconnect"
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
      >
        Its codes do not open this account any more.
      </ConfirmDialog>
    </Row>
  );
}

function RecoveryRow({ factors, onCodes }: { factors: Factors; onCodes: (codes: string[]) => void }) {
  const [asking, setAsking] = useState(false);
  const left = factors.recovery_codes_left;
  const count = useCounted();
  const none = !factors.totp && factors.passkeys.length === 0;
  const make = useWrite({
    run: () => api.post("/api/auth/factors/recovery-codes", { body: {} }),
    failed: "No new codes were made",
    then: ({ recovery_codes }) => {
      setAsking(false);
      onCodes(recovery_codes);
      void count();
    },
  });
  return (
    <Row
      icon="lock"
      title={
        <>Recovery codes {left < 3 && <Chip tone="warn">{left === 0 ? "none left" : `only ${left} left`}</Chip>}</>
      }
      sub={`${plural(left, "code")} left. For the day on which you lose the rest.`}
    >
      <Button
        disabledReason={none ? "they come with your first second factor" : undefined}
        onClick={() => setAsking(true)}
      >
        Make new ones
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title="Make new recovery codes?"
        action="Make ten new codes"
        danger={false}
        busy={make.isPending}
        onConfirm={() => make.mutate()}
      >
        The codes that you have now stop working at once.
      </ConfirmDialog>
    </Row>
  );
}
