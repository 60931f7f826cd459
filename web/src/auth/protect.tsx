/**
 * "Protect your account": the only page of a session that a password alone began and that has no
 * second factor yet. It stands without the app around it, because such a session may read nothing.
 */

import { QueryClientProvider, useMutation } from "@tanstack/react-query";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { createQueryClient } from "../app/query-client";
import { sentenceFor } from "../api/error-words";
import type { Enrolled, Session } from "../api/types";
import { Button } from "../ui/button";
import { Icon, type IconName } from "../ui/icon";
import { TooltipLayer } from "../ui/tooltip";
import { PasskeySetup } from "./factors/passkey-setup";
import { RecoveryCodes } from "./factors/recovery-codes";
import { TotpSetup } from "./factors/totp-setup";
import { type LeaveReason, signOut } from "./session";
import { passkeysHere } from "./webauthn";

interface Ways {
  done: (session: Session) => void;
  leave: (reason: LeaveReason) => void;
}

export function mount(root: HTMLElement, session: Session, { done, leave }: Ways): () => void {
  const client = createQueryClient(leave);
  root.replaceChildren();
  const react = createRoot(root);
  react.render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Protect session={session} done={done} leave={leave} />
        <TooltipLayer />
      </QueryClientProvider>
    </StrictMode>,
  );
  return () => {
    react.unmount();
    client.clear();
  };
}

type Step = "choose" | "passkey" | "totp";

const titles: Record<Step, string> = {
  choose: "Protect your account",
  passkey: "Make a passkey",
  totp: "Connect an authenticator app",
};

function Protect({ session, done, leave }: { session: Session } & Ways) {
  const [step, setStep] = useState<Step>("choose");
  const [result, setResult] = useState<Enrolled>();
  const finish = (enrolled: Enrolled) => (enrolled.recovery_codes ? setResult(enrolled) : done(enrolled.session));
  const title = result ? "Keep your recovery codes" : titles[step];
  useEffect(() => {
    document.title = `${title} · Proofline`;
    document.getElementById("gate-title")?.focus();
  }, [title]);

  return (
    <main className="gate">
      <p className="gate-brand">
        <Icon name="brand" size={24} className="text-accent" />
        Proofline
      </p>
      <div className="panel gate-card gate-wide">
        <h1 id="gate-title" tabIndex={-1} className="outline-none">
          {title}
        </h1>
        <div className="mt-4 grid gap-4">
          {result?.recovery_codes ? (
            <RecoveryCodes
              codes={result.recovery_codes}
              session={result.session}
              action="Go on"
              onDone={() => done(result.session)}
            />
          ) : step === "choose" ? (
            <Choose session={session} onChoose={setStep} />
          ) : step === "passkey" ? (
            <PasskeySetup onDone={finish} onCancel={() => setStep("choose")} />
          ) : (
            <TotpSetup onDone={finish} onCancel={() => setStep("choose")} />
          )}
        </div>
      </div>
      {!result && <Footer session={session} leave={leave} />}
    </main>
  );
}

function Choose({ session, onChoose }: { session: Session; onChoose: (step: Step) => void }) {
  const onlyPasskey = session.factors.required === "passkey";
  const noPasskeys = passkeysHere() ? undefined : "This browser has no passkeys, or the connection is not secure.";
  return (
    <>
      <p className="text-ink-2">
        A stolen password must not be enough to see a practice from inside. Choose what confirms that it is you; you can
        add more later.
      </p>
      <ul className="grid gap-2">
        <Option
          icon="key"
          title="A passkey"
          note="recommended"
          words={noPasskeys ?? "Your finger, face or PIN on this device, or a security key."}
          onChoose={noPasskeys ? undefined : () => onChoose("passkey")}
        />
        <Option
          icon="phone"
          title="An authenticator app"
          words={
            onlyPasskey
              ? "This installation takes passkeys only from people of your role."
              : "An app on your phone shows six digits that change every half minute."
          }
          onChoose={onlyPasskey ? undefined : () => onChoose("totp")}
        />
      </ul>
    </>
  );
}

function Option({
  icon,
  title,
  note,
  words,
  onChoose,
}: {
  icon: IconName;
  title: string;
  note?: string;
  words: string;
  onChoose: (() => void) | undefined;
}) {
  return (
    <li className="relative flex items-start gap-3 rounded-lg border border-line px-4 py-3 has-[button:hover]:border-edge has-[button:hover]:bg-inset">
      <Icon name={icon} size={20} className="mt-0.5 text-accent" />
      <div>
        {onChoose ? (
          <button type="button" className="font-semibold after:absolute after:inset-0" onClick={onChoose}>
            {title}
          </button>
        ) : (
          <span className="font-semibold text-ink-3">{title}</span>
        )}
        {note && onChoose && <span className="ml-2 text-xs text-ink-3">{note}</span>}
        <p className="text-ink-2">{words}</p>
      </div>
    </li>
  );
}

function Footer({ session, leave }: { session: Session } & Pick<Ways, "leave">) {
  const out = useMutation({ mutationFn: signOut, onSuccess: () => leave("signed_out") });
  return (
    <div className="gate-footer flex items-center gap-3">
      <span>{session.user.email}</span>
      <Button look="quiet" busy={out.isPending} onClick={() => out.mutate()}>
        Sign out
      </Button>
      {out.isError && <span role="alert">{sentenceFor(out.error)}</span>}
    </div>
  );
}
