/** The second step of a sign-in, in the same card: a code, a passkey or a recovery code. */

import type { Session } from "../api/types";
import { codeDigits, type Proof, proofsOf } from "../auth/next-step";
import { proveByCode, proveByPasskey, proveByRecoveryCode } from "../auth/session";
import { type FormSpec, showForm } from "./form";

interface Ways {
  notice?: string | undefined;
  done: (session: Session) => Promise<void>;
  otherAccount: () => Promise<void>;
}

export function showSecondFactor(root: HTMLElement, session: Session, ways: Ways): void {
  const proofs = proofsOf(session);
  const code = proofs.includes("code") && session.factors.required === "any";
  show(root, session, ways, code ? "code" : (proofs[0] ?? "code"));
}

const invitations: Record<Proof, string> = {
  passkey: "Use a passkey",
  code: "Use a code of your authenticator app",
  recovery: "Use a recovery code",
};

type Step = Pick<FormSpec, "intro" | "fields" | "submit" | "busy"> & {
  prove: (code: string) => Promise<Session>;
};

const steps: Record<Proof, Step> = {
  code: {
    intro: "Enter the six digits that your authenticator app shows for Proofline.",
    fields: [{ name: "code", label: "Code", type: "code", autocomplete: "one-time-code" }],
    submit: "Confirm",
    busy: "Confirming…",
    prove: (code) => proveByCode(codeDigits(code)),
  },
  passkey: {
    intro: "Your device or security key asks for your finger, face or PIN.",
    fields: [],
    submit: "Use your passkey",
    busy: "Waiting for your passkey…",
    prove: () => proveByPasskey("/api/auth/second-factor/passkey"),
  },
  recovery: {
    intro: "One of the ten codes that you kept when you protected your account. Each works once.",
    fields: [{ name: "code", label: "Recovery code", type: "text", autocomplete: "off", maxLength: 64 }],
    submit: "Confirm",
    busy: "Confirming…",
    prove: proveByRecoveryCode,
  },
};

function show(root: HTMLElement, session: Session, ways: Ways, proof: Proof): void {
  const { prove, ...step } = steps[proof];
  showForm(root, {
    ...step,
    title: "Confirm that it is you",
    notice: ways.notice,
    ways: [
      ...proofsOf(session)
        .filter((other) => other !== proof)
        .map((other) => ({
          label: invitations[other],
          to: () => show(root, session, ways, other),
          look: other === "passkey" ? ("button" as const) : ("link" as const),
        })),
      { label: "Sign in as somebody else", to: ways.otherAccount },
    ],
    footer: "Lost everything? An administrator can reset your second factors.",
    async onSubmit({ code = "" }) {
      await ways.done(await prove(code));
    },
  });
}
