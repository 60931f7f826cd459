import { useState } from "react";
import { api } from "../api/client";
import { useSession } from "../auth/context";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { DialogForm, TextInput } from "../ui/form";

export function NameForm() {
  const { session, update } = useSession();
  const [name, setName] = useState(session.user.name);
  const save = useWrite({
    run: () => api.patch("/api/auth/profile", { body: { name: name.trim() } }),
    done: "Your name is saved",
    then: (user) => update({ ...session, user: { ...session.user, name: user.name } }),
    touches: [["users"]],
  });
  const why =
    name.trim() === ""
      ? "the name is empty"
      : name.trim() === session.user.name
        ? "the name has not changed"
        : undefined;
  return (
    <form
      className="flex flex-wrap items-end gap-2 px-4 py-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!why && !save.isPending) save.mutate();
      }}
    >
      <div className="min-w-48 flex-1">
        <Field label="Your name" error={fieldProblem(save.error, "name") ?? formProblem(save.error)}>
          {(ids) => <TextInput ids={ids} value={name} onChange={setName} maxLength={120} autoComplete="name" />}
        </Field>
      </div>
      <Button type="submit" look="primary" busy={save.isPending} disabledReason={why}>
        Save
      </Button>
    </form>
  );
}

export function EmailChange() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="link" onClick={() => setOpen(true)}>
        Change
      </button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Change your e-mail address">
        <EmailForm onClose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

function EmailForm({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState("");
  const change = useWrite({
    run: () => api.post("/api/auth/email", { body: { email: email.trim() } }),
    done: () => `A link is on its way to ${email.trim()}. Until it is opened, your old address stays.`,
    then: onClose,
  });
  return (
    <DialogForm
      action="Send the link"
      busy={change.isPending}
      disabledReason={email.includes("@") ? undefined : "an e-mail address has an @"}
      problem={formProblem(change.error)}
      onSubmit={() => change.mutate()}
      onCancel={onClose}
    >
      <p className="text-ink-2">
        We send a link to the new address. It counts once you have opened it; your old address is told as well.
      </p>
      <Field label="New e-mail address" error={fieldProblem(change.error, "email")}>
        {(ids) => (
          <TextInput ids={ids} type="email" autoComplete="email" maxLength={254} value={email} onChange={setEmail} />
        )}
      </Field>
    </DialogForm>
  );
}
