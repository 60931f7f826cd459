import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../../api/client";
import { sentenceFor } from "../../api/error-words";
import type { CeremonyAnswer, CreationOptions, Enrolled } from "../../api/types";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { createPasskey, passkeysHere } from "../webauthn";
import { deviceName } from "./device-name";

/** Makes a passkey, with a name that tells it from the others later. */
export function PasskeySetup({ onDone, onCancel }: { onDone: (result: Enrolled) => void; onCancel: () => void }) {
  const [name, setName] = useState(() => deviceName(navigator.userAgent));
  const make = useMutation({
    mutationFn: async () => {
      const { ceremony_id, public_key } = await api.post("/api/auth/factors/passkeys/options", { body: {} });
      const credential = (await createPasskey(public_key as unknown as CreationOptions)) as CeremonyAnswer;
      return api.post("/api/auth/factors/passkeys", { body: { ceremony_id, name: name.trim(), credential } });
    },
    onSuccess: onDone,
  });
  return (
    <form
      className="grid gap-4"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== "" && !make.isPending) make.mutate();
      }}
    >
      <p className="text-ink-2">
        A passkey stays on your device, in your password manager or on a security key. It works only for this site, so
        nobody can trick you into giving it away.
      </p>
      <Field label="Name of this passkey" hint="So that you know it again when you lose the device.">
        {(ids) => (
          <input
            {...ids}
            className="input"
            maxLength={60}
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      {make.isError && (
        <p role="alert" className="font-medium text-fail">
          {sentenceFor(make.error)}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Back</Button>
        <Button
          type="submit"
          look="primary"
          busy={make.isPending}
          disabledReason={
            !passkeysHere()
              ? "this browser has no passkeys, or the connection is not secure"
              : name.trim() === ""
                ? "it needs a name"
                : undefined
          }
        >
          {make.isPending ? "Waiting for your device…" : "Make the passkey"}
        </Button>
      </div>
    </form>
  );
}
