import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Organisation } from "../api/types";
import type { Whole } from "../lib/pages";
import { fieldProblem, formProblem, useWrite } from "../lib/use-write";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { DialogForm, TextInput } from "../ui/form";
import { QuerySelect } from "../ui/query-select";
import { allOrganisationsQuery } from "./queries";

interface Props {
  open: boolean;
  onClose: () => void;
  /** The client, where it is known already. */
  org?: { id: string; name: string };
}

const reasonMin = 10;

const restrictedOnly = ({ items, complete }: Whole<Organisation>) => ({
  items: items.filter(({ restricted }) => restricted),
  complete,
});

export function RequestDialog({ open, onClose, org }: Props) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={org ? `Ask for access to ${org.name}` : "Ask for emergency access"}
      description="Somebody else has to approve it. The client is told who looked, when and why."
    >
      <RequestForm onClose={onClose} org={org} />
    </Dialog>
  );
}

function RequestForm({ onClose, org }: { onClose: () => void; org: Props["org"] }) {
  const organisations = useQuery({ ...allOrganisationsQuery(), select: restrictedOnly, enabled: !org });
  const [orgId, setOrg] = useState(org?.id ?? "");
  const [reason, setReason] = useState("");
  const [ticket, setTicket] = useState("");
  const [hours, setHours] = useState(1);
  const ask = useWrite({
    run: () =>
      api.post("/api/organisations/{org_id}/break-glass", {
        path: { org_id: orgId },
        body: { reason: reason.trim(), ticket: ticket.trim(), hours },
      }),
    done: "The request is made. Access opens when somebody else approves it.",
    then: onClose,
    touches: [["break-glass"], ["access"]],
  });
  const missing = !orgId
    ? "the client is missing"
    : [...reason.trim()].length < reasonMin
      ? `the reason needs ${reasonMin} characters`
      : ticket.trim() === ""
        ? "the ticket is missing"
        : undefined;
  return (
    <DialogForm
      action="Ask for access"
      busy={ask.isPending}
      disabledReason={missing}
      problem={formProblem(ask.error)}
      onSubmit={() => ask.mutate()}
      onCancel={onClose}
    >
      {!org && (
        <QuerySelect
          query={organisations}
          what="Clients"
          label="Restricted client"
          value={orgId}
          error={fieldProblem(ask.error, "org_id")}
          optionName={({ name }) => name}
          onChange={setOrg}
        />
      )}
      <Field
        label="Why"
        hint={`At least ${reasonMin} characters. The client reads it.`}
        error={fieldProblem(ask.error, "reason")}
      >
        {(ids) => (
          <textarea
            {...ids}
            className="input min-h-20 py-2"
            maxLength={500}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
      </Field>
      <div className="grid grid-cols-2 gap-3">
        <Field label="Ticket" error={fieldProblem(ask.error, "ticket")}>
          {(ids) => <TextInput ids={ids} maxLength={100} value={ticket} onChange={setTicket} placeholder="NG-4711" />}
        </Field>
        <Field label="For" error={fieldProblem(ask.error, "hours")}>
          {(ids) => (
            <select {...ids} className="input" value={hours} onChange={(event) => setHours(Number(event.target.value))}>
              {[1, 2, 3, 4].map((n) => (
                <option key={n} value={n}>
                  {n === 1 ? "1 hour" : `${n} hours`}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
    </DialogForm>
  );
}
