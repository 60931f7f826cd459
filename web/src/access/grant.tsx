import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { api } from "../api/client";
import { roleWord } from "../auth/roles";
import { rfc3339 } from "../lib/time";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { peopleSearchQuery } from "../people/queries";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { DialogForm, TextInput } from "../ui/form";
import { QuerySelect } from "../ui/query-select";

interface Props {
  org: { id: string; name: string };
  open: boolean;
  onClose: () => void;
}

export function GrantDialog({ org, open, onClose }: Props) {
  return (
    <Dialog open={open} onClose={onClose} title={`Let somebody see ${org.name}`}>
      <GrantForm org={org} onClose={onClose} />
    </Dialog>
  );
}

const days = [
  ["1", "1 day"],
  ["7", "7 days"],
  ["30", "30 days"],
  ["", "Until it is taken back"],
] as const;
const dayMs = 86_400_000;

function GrantForm({ org, onClose }: Omit<Props, "open">) {
  const [search, setSearch] = useState("");
  const [userId, setUser] = useState("");
  const [reason, setReason] = useState("");
  const [length, setLength] = useState<string>("7");
  const people = useQuery(peopleSearchQuery(useDeferredValue(search.trim())));
  const give = useWrite({
    run: () =>
      api.post("/api/organisations/{org_id}/grants", {
        path: { org_id: org.id },
        body: {
          user_id: userId,
          reason: reason.trim(),
          ...(length ? { expires_at: rfc3339(Date.now() + Number(length) * dayMs) } : {}),
        },
      }),
    done: `They see ${org.name} now`,
    then: onClose,
    touches: [["access", org.id]],
  });
  return (
    <DialogForm
      action="Give access"
      busy={give.isPending}
      disabledReason={
        !userId ? "choose a person" : [...reason.trim()].length < 10 ? "the reason needs 10 characters" : undefined
      }
      problem={formProblem(give.error)}
      onSubmit={() => give.mutate()}
      onCancel={onClose}
    >
      <Field label="Find the person">
        {(ids) => (
          <TextInput ids={ids} type="search" value={search} onChange={setSearch} placeholder="Name or e-mail" />
        )}
      </Field>
      <QuerySelect
        query={people}
        what="People"
        label="Person"
        value={userId}
        error={fieldProblem(give.error, "user_id")}
        optionName={(user) => `${user.name}, ${roleWord(user.role)}`}
        onChange={setUser}
      />
      <Field label="Why" hint="At least 10 characters." error={fieldProblem(give.error, "reason")}>
        {(ids) => <TextInput ids={ids} maxLength={500} value={reason} onChange={setReason} />}
      </Field>
      <Field label="For" error={fieldProblem(give.error, "expires_at")}>
        {(ids) => (
          <select {...ids} className="input" value={length} onChange={(event) => setLength(event.target.value)}>
            {days.map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        )}
      </Field>
    </DialogForm>
  );
}
