import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { sentenceFor } from "../../api/error-words";
import type { Session } from "../../api/types";
import { Button } from "../../ui/button";
import { CodeInput } from "../../ui/code-input";
import { Field } from "../../ui/field";
import { codeDigits, type Proof, proofsOf } from "../next-step";
import { proveByCode, proveByPasskey, proveByRecoveryCode } from "../session";

const prove: Record<Proof, (text: string) => Promise<Session>> = {
  passkey: () => proveByPasskey("/api/auth/second-factor/passkey"),
  code: proveByCode,
  recovery: proveByRecoveryCode,
};

const invitations: Record<Proof, string> = {
  passkey: "Use a passkey",
  code: "Use a code",
  recovery: "Use a recovery code",
};

/** One proof of who is there: the way that is easiest for this person first, the others below. */
export function ProofForm({
  session,
  onDone,
  onCancel,
}: {
  session: Session;
  onDone: (session: Session) => void;
  onCancel: () => void;
}) {
  const proofs = proofsOf(session);
  const [proof, setProof] = useState<Proof>(proofs[0] ?? "code");
  const [text, setText] = useState("");
  const attempt = useMutation({
    mutationFn: (value: string) => prove[proof](value),
    onSuccess: onDone,
    onError: () => setText(""),
  });
  const problem = attempt.isError ? sentenceFor(attempt.error) : undefined;
  const ready = proof === "passkey" || (proof === "code" ? codeDigits(text).length === 6 : text.trim() !== "");

  return (
    <form
      className="grid gap-4 px-5 py-4"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && !attempt.isPending) attempt.mutate(text);
      }}
    >
      {proof === "passkey" && (
        <p className="text-ink-2">Your device or security key asks for your finger, face or PIN.</p>
      )}
      {proof === "code" && (
        <Field label="Code of your authenticator app" error={problem}>
          {(ids) => (
            <CodeInput
              {...ids}
              autoFocus
              value={text}
              onChange={setText}
              onComplete={(digits) => attempt.mutate(digits)}
            />
          )}
        </Field>
      )}
      {proof === "recovery" && (
        <Field label="Recovery code" hint="Each works once." error={problem}>
          {(ids) => (
            <input
              {...ids}
              autoFocus
              className="input mono"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              maxLength={64}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
      )}
      {proof === "passkey" && problem && (
        <p role="alert" className="font-medium text-fail">
          {problem}
        </p>
      )}
      {proofs.length > 1 && (
        <div className="flex flex-wrap gap-x-4 gap-y-1">
          {proofs
            .filter((other) => other !== proof)
            .map((other) => (
              <button
                key={other}
                type="button"
                className="link"
                onClick={() => {
                  attempt.reset();
                  setText("");
                  setProof(other);
                }}
              >
                {invitations[other]}
              </button>
            ))}
        </div>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          type="submit"
          look="primary"
          busy={attempt.isPending}
          disabledReason={ready ? undefined : proof === "code" ? "a code has six digits" : "the code is missing"}
        >
          {proof === "passkey" ? "Use your passkey" : "Confirm"}
        </Button>
      </div>
    </form>
  );
}
