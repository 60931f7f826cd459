import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { wordsFor } from "../api/error-words";
import { useDenied } from "../auth/context";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm";
import { Icon } from "../ui/icon";
import { Time } from "../ui/time";
import { say } from "../ui/toast";
import type { IncidentDetail } from "../api/types";
import { handedOver } from "./by-hand";
import { Plan } from "./plan";
import { wordsOfState } from "./state";

/** What a person can do about it. Approval is bound to the plan that is on the screen. */
export function Actions({ incident }: { incident: IncidentDetail }) {
  return (
    <>
      <Escalate incident={incident} />
      <Approve incident={incident} />
    </>
  );
}

const escalatable = ["open", "awaiting_approval", "suppressed"];

function useRefresh(incident: IncidentDetail) {
  const client = useQueryClient();
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["incident", incident.id] }),
      client.invalidateQueries({ queryKey: ["incidents"] }),
      client.invalidateQueries({ queryKey: ["overview"] }),
    ]);
}

function Approve({ incident }: { incident: IncidentDetail }) {
  const denied = useDenied();
  const refresh = useRefresh(incident);
  const [asking, setAsking] = useState(false);
  const approve = useMutation({
    mutationFn: () =>
      api.post("/api/incidents/{incident_id}/approve", {
        path: { incident_id: incident.id },
        body: { plan_digest: incident.plan_digest ?? "" },
      }),
    onSuccess: () => {
      setAsking(false);
      say("Approved. The appliance fetches the order at its next check-in; the second observation decides.");
    },
    onSettled: refresh,
  });
  if (incident.state !== "awaiting_approval") return null;
  return (
    <>
      <Button look="primary" icon="check" disabledReason={denied("incident.approve")} onClick={() => setAsking(true)}>
        Approve the plan
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => {
          setAsking(false);
          approve.reset();
        }}
        title="Approve this plan?"
        action="Approve and run"
        danger={false}
        busy={approve.isPending}
        problem={approve.isError ? `${wordsFor(approve.error).title}. ${wordsFor(approve.error).advice}` : undefined}
        onConfirm={() => approve.mutate()}
      >
        <p>
          On <strong className="font-semibold text-ink">{incident.asset_name}</strong> at {incident.site_name}:
        </p>
        <div className="mt-3">
          {incident.runbook ? (
            <Plan runbook={incident.runbook} />
          ) : (
            <p className="text-stale">
              What it does cannot be shown: the server has no runbook for this check. Look on the machine first.
            </p>
          )}
        </div>
      </ConfirmDialog>
    </>
  );
}

function Handed({ incident }: { incident: IncidentDetail }) {
  const handed = handedOver(incident);
  return (
    <p className="flex items-center gap-1.5 text-ink-2">
      <Icon name="user" size={14} className="text-ink-3" />
      <span>Handed to people {handed && <Time at={handed.at} focusable />}</span>
    </p>
  );
}

function Escalate({ incident }: { incident: IncidentDetail }) {
  const denied = useDenied();
  const refresh = useRefresh(incident);
  const [asking, setAsking] = useState(false);
  const escalate = useMutation({
    mutationFn: (reason: string) =>
      api.post("/api/incidents/{incident_id}/escalate", { path: { incident_id: incident.id }, body: { reason } }),
    onSuccess: () => {
      setAsking(false);
      say("Escalated to a person");
    },
    onSettled: refresh,
  });
  if (incident.resolved_at != null) return null;
  if (incident.state === "escalated") return <Handed incident={incident} />;
  const reason =
    denied("incident.escalate") ??
    (escalatable.includes(incident.state) ? undefined : `it is ${wordsOfState(incident.state).word.toLowerCase()}`);
  return (
    <>
      <Button icon="user" disabledReason={reason} onClick={() => setAsking(true)}>
        Escalate
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => {
          setAsking(false);
          escalate.reset();
        }}
        title="Hand this to a person?"
        action="Escalate"
        danger={false}
        reason={{ label: "Why", minLength: 10 }}
        busy={escalate.isPending}
        problem={escalate.isError ? `${wordsFor(escalate.error).title}. ${wordsFor(escalate.error).advice}` : undefined}
        onConfirm={(text) => escalate.mutate(text)}
      >
        Rules stop trying; it stays open until the check passes.
      </ConfirmDialog>
    </>
  );
}
