import { useState } from "react";
import { api } from "../api/client";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { DialogForm, TextInput } from "../ui/form";
import { PlacementFields, usePlacement } from "./placement";

export function InviteDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Invite somebody"
      description="They get a link by mail, choose a password and protect their account with a second factor."
    >
      <InviteForm onClose={onClose} />
    </Dialog>
  );
}

function InviteForm({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState("");
  const choice = usePlacement();
  const invite = useWrite({
    run: () => api.post("/api/invitations", { body: { email: email.trim(), ...choice.placement } }),
    done: () => `The invitation to ${email.trim()} is on its way`,
    then: onClose,
    touches: [["invitations"]],
  });
  return (
    <DialogForm
      action="Send the invitation"
      busy={invite.isPending}
      disabledReason={email.includes("@") ? choice.missing : "an e-mail address has an @"}
      problem={formProblem(invite.error)}
      onSubmit={() => invite.mutate()}
      onCancel={onClose}
    >
      <Field label="E-mail" error={fieldProblem(invite.error, "email")}>
        {(ids) => <TextInput ids={ids} type="email" maxLength={254} value={email} onChange={setEmail} />}
      </Field>
      <PlacementFields choice={choice} error={invite.error} />
    </DialogForm>
  );
}
