import { useState } from "react";
import { api } from "../api/client";
import { useSession } from "../auth/context";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { plural } from "../lib/format";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { TextInput } from "../ui/form";

const minLength = 12;

export function PasswordForm() {
  const { session } = useSession();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useWrite({
    run: () => api.post("/api/auth/password", { body: { current_password: current, new_password: next } }),
    done: "Your password is changed. Your other sessions have ended.",
    then: () => {
      setCurrent("");
      setNext("");
    },
    touches: [["account", "sessions"]],
  });
  const left = minLength - [...next].length;
  const why =
    current === "" ? "your current password is missing" : left > 0 ? "the new password is too short" : undefined;
  return (
    <form
      className="grid gap-3 px-4 py-3"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!why && !change.isPending) change.mutate();
      }}
    >
      {/* Password managers look here for whose password it is. */}
      <input type="email" autoComplete="username" value={session.user.email} readOnly hidden />
      <Field label="Current password" error={fieldProblem(change.error, "current_password")}>
        {(ids) => (
          <TextInput ids={ids} type="password" autoComplete="current-password" value={current} onChange={setCurrent} />
        )}
      </Field>
      <Field
        label="New password"
        hint={
          next === ""
            ? `${minLength} characters or more. A few unrelated words are good; spaces are allowed.`
            : left > 0
              ? plural(left, "more character")
              : "Long enough"
        }
        error={fieldProblem(change.error, "new_password") ?? formProblem(change.error)}
      >
        {(ids) => <TextInput ids={ids} type="password" autoComplete="new-password" value={next} onChange={setNext} />}
      </Field>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-xs text-ink-3">Your other sessions end.</p>
        <Button type="submit" look="primary" busy={change.isPending} disabledReason={why}>
          Change password
        </Button>
      </div>
    </form>
  );
}
