/** What is wrong with evidence itself, until it is right again or an administrator looked into it. */

import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client";
import { sentenceFor } from "../api/error-words";
import { permission } from "../api/identity";
import type { Health } from "../api/types";
import { useDenied } from "../auth/context";
import { humanise } from "../lib/format";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { Time } from "../ui/time";

type Alarm = Health["alarms"][number];

const words: Record<string, string> = {
  seq_conflict: "Two statements under one number",
  sample_failed: "Stored evidence does not verify",
  state_mismatch: "A confirmed state does not add up",
  publication_failed: "A log could not be published",
};

export function Alarms({ alarms }: { alarms: readonly Alarm[] }) {
  return (
    <Panel title="Alarms" note="something is wrong with evidence itself">
      <ul aria-label="Alarms" className="divide-y divide-hair">
        {alarms.map((alarm) => (
          <li key={alarm.id} className="flex flex-wrap items-start gap-x-3 gap-y-2 px-4 py-2.5">
            <Icon name="incident" className="mt-0.5 text-fail" />
            <div className="min-w-56 flex-1">
              <p className="font-semibold">{words[alarm.kind] ?? humanise(alarm.kind)}</p>
              <p className="[overflow-wrap:anywhere] text-ink-2">{alarm.detail}</p>
              <p className="text-xs text-ink-3">
                <Time at={alarm.raised_at} />,{" "}
                <Link to="/sites/$siteId/evidence" params={{ siteId: alarm.site_id }} className="link">
                  the log it is about
                </Link>
              </p>
            </div>
            <Clear alarm={alarm} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Clear({ alarm }: { alarm: Alarm }) {
  const denied = useDenied()(permission.clearAlarm);
  const [asking, setAsking] = useState(false);
  const clear = useWrite({
    run: (reason: string) =>
      api.post("/api/system/alarms/{alarm_id}/clear", { path: { alarm_id: alarm.id }, body: { reason } }),
    done: "The alarm was cleared",
    then: () => setAsking(false),
    touches: [["system"]],
  });
  return (
    <>
      <Button disabledReason={denied} onClick={() => setAsking(true)}>
        Clear
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => {
          setAsking(false);
          clear.reset();
        }}
        title="Clear this alarm?"
        action="Clear the alarm"
        danger={false}
        reason={{ label: "What came of looking into it", minLength: 10 }}
        busy={clear.isPending}
        problem={clear.isError ? sentenceFor(clear.error) : undefined}
        onConfirm={(reason) => clear.mutate(reason)}
      >
        <p className="[overflow-wrap:anywhere]">{alarm.detail}</p>
        <p className="mt-2">It is raised again when what is wrong is noticed again.</p>
      </ConfirmDialog>
    </>
  );
}
