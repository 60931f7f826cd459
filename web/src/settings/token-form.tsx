import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { Button, CopyButton } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { DialogForm, TextInput } from "../ui/form";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { tokenActionsQuery } from "./queries";
import { scopeGroups } from "./scopes";

const lifetimes = [
  [7, "7 days"],
  [30, "30 days"],
  [90, "90 days"],
  [365, "1 year"],
] as const;

export function TokenDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [secret, setSecret] = useState<string>();
  const close = () => {
    setSecret(undefined);
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={secret ? "Copy the token now" : "New API token"}
      description={secret ? "It is shown once. The server keeps only its hash." : undefined}
    >
      {secret ? <Secret secret={secret} onDone={close} /> : <TokenForm onMade={setSecret} onCancel={close} />}
    </Dialog>
  );
}

function Secret({ secret, onDone }: { secret: string; onDone: () => void }) {
  return (
    <div className="grid gap-4 px-5 py-4">
      <code className="rounded-lg bg-inset px-4 py-3 text-sm select-all" aria-label="The token">
        {secret}
      </code>
      <div className="flex flex-wrap justify-between gap-2">
        <CopyButton text={secret} label="Copy token" />
        <Button look="primary" onClick={onDone}>
          I have copied it
        </Button>
      </div>
    </div>
  );
}

function TokenForm({ onMade, onCancel }: { onMade: (secret: string) => void; onCancel: () => void }) {
  const offered = useQuery(tokenActionsQuery());
  const [name, setName] = useState("");
  const [days, setDays] = useState(90);
  const [actions, setActions] = useState<readonly string[]>([]);
  const make = useWrite({
    run: () => api.post("/api/tokens", { body: { name: name.trim(), actions: [...actions], expires_in_days: days } }),
    then: ({ token }) => onMade(token),
    touches: [["tokens"]],
  });
  const toggle = (action: string) =>
    setActions((now) => (now.includes(action) ? now.filter((each) => each !== action) : [...now, action]));
  return (
    <DialogForm
      action="Make the token"
      busy={make.isPending}
      disabledReason={
        name.trim() === "" ? "the name is missing" : actions.length === 0 ? "choose what it may do" : undefined
      }
      problem={formProblem(make.error) ?? fieldProblem(make.error, "actions")}
      onSubmit={() => make.mutate()}
      onCancel={onCancel}
    >
      <Field label="Name" hint="What will use it." error={fieldProblem(make.error, "name")}>
        {(ids) => <TextInput ids={ids} maxLength={60} value={name} onChange={setName} placeholder="Ticket system" />}
      </Field>
      <Field label="Works for" error={fieldProblem(make.error, "expires_in_days")}>
        {(ids) => (
          <select {...ids} className="input" value={days} onChange={(event) => setDays(Number(event.target.value))}>
            {lifetimes.map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        )}
      </Field>
      <fieldset>
        <legend className="mb-1 font-medium">It may</legend>
        <QueryView query={offered} what="What a token can do" skeleton={<RowsSkeleton rows={4} />}>
          {({ items }) => (
            <div
              className="grid max-h-72 gap-x-6 gap-y-3 overflow-y-auto rounded-md border border-line px-3 py-2.5 sm:grid-cols-2"
              tabIndex={0}
            >
              {scopeGroups(items).map(({ subject, scopes }) => (
                <fieldset key={subject}>
                  <legend className="text-xs font-semibold text-ink-3">{subject}</legend>
                  {scopes.map(({ action, word }) => (
                    <label key={action} className="flex items-center gap-2 py-0.5" data-tip={action}>
                      <input
                        type="checkbox"
                        className="size-4 accent-[var(--accent)]"
                        checked={actions.includes(action)}
                        onChange={() => toggle(action)}
                      />
                      {word}
                    </label>
                  ))}
                </fieldset>
              ))}
            </div>
          )}
        </QueryView>
      </fieldset>
    </DialogForm>
  );
}
