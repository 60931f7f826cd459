import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Provider } from "../api/types";
import { useLevel } from "../auth/context";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { partnersQuery } from "../tenants/queries";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { DialogForm, TextInput } from "../ui/form";
import { domainsIn } from "./domains";

type Kind = "google" | "microsoft" | "openid";
const kinds: Record<Kind, { name: string; issuer: string }> = {
  google: { name: "Google", issuer: "https://accounts.google.com" },
  microsoft: { name: "Microsoft", issuer: "https://login.microsoftonline.com/your-tenant-id/v2.0" },
  openid: { name: "OpenID Connect", issuer: "" },
};

export function ProviderDialog({
  open,
  onClose,
  provider,
}: {
  open: boolean;
  onClose: () => void;
  provider?: Provider;
}) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={provider ? `Edit ${provider.name}` : "Add a sign-in provider"}
      description={
        provider ? undefined : (
          <>
            Register an application there, with this address to come back to:{" "}
            <code className="select-all">{location.origin}/api/auth/oidc/callback</code>
          </>
        )
      }
    >
      <ProviderForm onClose={onClose} provider={provider} />
    </Dialog>
  );
}

function ProviderForm({ onClose, provider }: { onClose: () => void; provider: Provider | undefined }) {
  const [kind, setKind] = useState<Kind>("google");
  const [name, setName] = useState(provider?.name ?? kinds.google.name);
  const [issuer, setIssuer] = useState(provider?.issuer ?? kinds.google.issuer);
  const [clientId, setClientId] = useState(provider?.client_id ?? "");
  const [secret, setSecret] = useState("");
  const [partnerId, setPartner] = useState("");
  const platform = useLevel() === "platform";
  const partners = useQuery({ ...partnersQuery(), enabled: platform && !provider });
  const [domains, setDomains] = useState(provider?.allowed_domains.join(", ") ?? "");
  const common = { name: name.trim(), client_id: clientId.trim(), allowed_domains: domainsIn(domains) };
  const save = useWrite({
    run: () =>
      provider
        ? api.patch("/api/oidc/providers/{provider_id}", {
            path: { provider_id: provider.id },
            body: { ...common, ...(secret ? { client_secret: secret } : {}) },
          })
        : api.post("/api/oidc/providers", {
            body: {
              ...common,
              kind,
              issuer: issuer.trim(),
              ...(secret ? { client_secret: secret } : {}),
              ...(partnerId ? { partner_id: partnerId } : {}),
            },
          }),
    done: provider ? "The provider is saved" : `${name.trim()} is added`,
    then: onClose,
    touches: [["providers"]],
  });
  const missing =
    name.trim() === ""
      ? "the name is missing"
      : issuer.trim() === ""
        ? "the issuer is missing"
        : clientId.trim() === ""
          ? "the client id is missing"
          : undefined;

  return (
    <DialogForm
      action={provider ? "Save" : "Add the provider"}
      busy={save.isPending}
      disabledReason={missing}
      problem={formProblem(save.error)}
      onSubmit={() => save.mutate()}
      onCancel={onClose}
    >
      {!provider && (
        <Field label="Kind">
          {(ids) => (
            <select
              {...ids}
              className="input"
              value={kind}
              onChange={(event) => {
                const next = event.target.value as Kind;
                setKind(next);
                setName(next === "openid" ? "" : kinds[next].name);
                setIssuer(kinds[next].issuer);
              }}
            >
              {Object.entries(kinds).map(([value, { name: word }]) => (
                <option key={value} value={value}>
                  {word}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      {platform && !provider && (
        <Field
          label="Whose people"
          hint={
            partnerId
              ? "They get an address of their own to sign in with; the sign-in page does not show it to everybody."
              : "The sign-in page shows it to everybody."
          }
          error={fieldProblem(save.error, "partner_id")}
        >
          {(ids) => (
            <select {...ids} className="input" value={partnerId} onChange={(event) => setPartner(event.target.value)}>
              <option value="">Of the whole installation</option>
              {partners.data?.items.map(({ id, name: word }) => (
                <option key={id} value={id}>
                  {word}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <Field label="Name" hint="It stands on the button of the sign-in page." error={fieldProblem(save.error, "name")}>
        {(ids) => <TextInput ids={ids} maxLength={60} value={name} onChange={setName} />}
      </Field>
      <Field label="Issuer" error={fieldProblem(save.error, "issuer")}>
        {(ids) => <TextInput ids={ids} type="url" value={issuer} onChange={setIssuer} readOnly={Boolean(provider)} />}
      </Field>
      <Field label="Client id" error={fieldProblem(save.error, "client_id")}>
        {(ids) => <TextInput ids={ids} value={clientId} onChange={setClientId} spellCheck={false} />}
      </Field>
      <Field
        label={provider ? "New client secret" : "Client secret"}
        hint={
          provider
            ? "Leave it empty to keep the one that is stored. It cannot be shown."
            : "It is sealed, and cannot be shown again. Leave it empty for an application without one."
        }
        error={fieldProblem(save.error, "client_secret")}
      >
        {(ids) => (
          <TextInput ids={ids} type="password" autoComplete="new-password" value={secret} onChange={setSecret} />
        )}
      </Field>
      <Field
        label="Domains whose people may ask to be let in"
        hint="Separated by commas. Their first sign-in waits for an approval."
        error={fieldProblem(save.error, "allowed_domains")}
      >
        {(ids) => <TextInput ids={ids} value={domains} onChange={setDomains} placeholder="example.org" />}
      </Field>
    </DialogForm>
  );
}
