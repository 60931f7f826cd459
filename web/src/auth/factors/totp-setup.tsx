import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client";
import { sentenceFor } from "../../api/error-words";
import type { Enrolled } from "../../api/types";
import { Button, CopyButton } from "../../ui/button";
import { CodeInput } from "../../ui/code-input";
import { Field } from "../../ui/field";
import { QueryView } from "../../ui/query-view";
import { Bar } from "../../ui/skeleton";
import { inFours } from "./recovery-text";

/** Connects an authenticator app: a picture to scan, or a key to type, and a first code as the proof. */
export function TotpSetup({ onDone, onCancel }: { onDone: (result: Enrolled) => void; onCancel: () => void }) {
  const [code, setCode] = useState("");
  const [attemptId] = useState(() => crypto.randomUUID());
  const begin = useQuery({
    // A new key each time that this is opened, and none that stays in the cache.
    queryKey: ["totp", attemptId],
    queryFn: () => api.post("/api/auth/factors/totp", { body: {} }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });
  const confirm = useMutation({
    mutationFn: (digits: string) => api.post("/api/auth/factors/totp/confirm", { body: { code: digits } }),
    onSuccess: onDone,
    onError: () => setCode(""),
  });
  return (
    <form
      className="grid gap-4"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (code.length === 6 && !confirm.isPending) confirm.mutate(code);
      }}
    >
      <QueryView query={begin} what="Authenticator app" skeleton={<Bar className="mx-auto size-44" />}>
        {({ secret, qr_svg, otpauth_uri }) => (
          <>
            <ol className="grid list-decimal gap-1 pl-4 text-ink-2">
              <li>Open your authenticator app and add an account.</li>
              <li>Scan this picture, or type the key below it.</li>
              <li>Enter the six digits that the app then shows.</li>
            </ol>
            <div className="grid justify-items-center gap-3">
              <img
                alt="QR code with the key for your authenticator app"
                src={`data:image/svg+xml,${encodeURIComponent(qr_svg)}`}
                className="size-44 rounded-lg border border-line bg-white p-2"
              />
              <div className="flex flex-wrap items-center justify-center gap-2">
                <code className="text-center select-all" data-testid="totp-secret">
                  {inFours(secret)}
                </code>
                <CopyButton text={secret} label="Copy key" />
              </div>
              <a href={otpauth_uri} className="link text-xs sm:hidden">
                Open it in an app on this phone
              </a>
            </div>
            <Field label="Code" error={confirm.isError ? sentenceFor(confirm.error) : undefined}>
              {(ids) => (
                <CodeInput {...ids} value={code} onChange={setCode} onComplete={(digits) => confirm.mutate(digits)} />
              )}
            </Field>
          </>
        )}
      </QueryView>
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Back</Button>
        <Button
          type="submit"
          look="primary"
          busy={confirm.isPending}
          disabledReason={code.length < 6 ? "a code has six digits" : undefined}
        >
          Confirm
        </Button>
      </div>
    </form>
  );
}
