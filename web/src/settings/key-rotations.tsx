/** Requests for another signing key, made on the server's machine: an administrator decides, the machine carries it out. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { permission } from "../api/identity";
import type { KeyRotation } from "../api/types";
import { useDenied } from "../auth/context";
import { humanise, plural } from "../lib/format";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip, type Tone } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Digest } from "../ui/digest";
import { Empty } from "../ui/empty";
import type { IconName } from "../ui/icon";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { keyRotationsQuery } from "./queries";

export function KeyRotations() {
  const query = useQuery(keyRotationsQuery());
  return (
    <Panel title="Requests for another key" note="asked for and carried out on the server, decided here">
      <QueryView query={query} what="Requests" skeleton={<RowsSkeleton rows={1} tall />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nobody asked for another key">
              Whoever runs the server asks with <code>proofline admin rotate-key</code>.
            </Empty>
          ) : (
            <ul aria-label="Requests for another key" className="divide-y divide-hair">
              {items.map((item) => (
                <Request key={item.id} item={item} />
              ))}
            </ul>
          )
        }
      </QueryView>
    </Panel>
  );
}

const states: Record<KeyRotation["state"], { word: string; tone: Tone; icon: IconName }> = {
  requested: { word: "Waits for a decision", tone: "warn", icon: "clock" },
  approved: { word: "Approved, to be carried out", tone: "accent", icon: "clock" },
  rejected: { word: "Turned down", tone: "neutral", icon: "check" },
  expired: { word: "Expired", tone: "neutral", icon: "clock" },
  carried_out: { word: "Carried out", tone: "good", icon: "check" },
};

function Request({ item }: { item: KeyRotation }) {
  const { word, tone, icon } = states[item.state];
  const waits = item.state === "requested";
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
      <div className="min-w-56 flex-1">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          {humanise(item.purpose)}
          <Chip tone={tone} icon={icon}>
            {word}
          </Chip>
        </p>
        <p className="mt-1 [overflow-wrap:anywhere] text-ink-2">{item.reason}</p>
        <p className="text-xs text-ink-3">
          in place of <Digest hex={item.key_id} />, asked <Time at={item.asked_at} />
          {(waits || item.state === "approved") && (
            <>
              , until <Time at={item.expires_at} />
            </>
          )}
          {item.decided_by_name && `, decided by ${item.decided_by_name}`}
        </p>
      </div>
      {waits && <Decision item={item} />}
    </li>
  );
}

type Verb = "approve" | "reject";

function Decision({ item }: { item: KeyRotation }) {
  const denied = useDenied()(permission.decideKeyRotation);
  const [asking, setAsking] = useState<Verb>();
  const name = humanise(item.purpose).toLowerCase();
  const decide = useWrite({
    run: (verb: Verb) =>
      api.post(`/api/system/key-rotations/{key_rotation_id}/${verb}`, {
        path: { key_rotation_id: item.id },
        body: {},
      }),
    done: (_, verb) => (verb === "approve" ? `The server may replace the ${name} key` : "The request was turned down"),
    failed: "The request was not decided",
    then: () => setAsking(undefined),
    touches: [["system"]],
  });
  return (
    <span className="inline-flex flex-wrap gap-1">
      <Button disabledReason={denied} onClick={() => setAsking("approve")}>
        Approve
      </Button>
      <Button look="quiet" disabledReason={denied} onClick={() => setAsking("reject")}>
        Turn down
      </Button>
      <ConfirmDialog
        open={asking !== undefined}
        onClose={() => setAsking(undefined)}
        title={asking === "reject" ? `Keep the ${name} key?` : `Let the server replace the ${name} key?`}
        action={asking === "reject" ? "Turn down" : "Approve"}
        danger={asking === "approve"}
        busy={decide.isPending}
        onConfirm={() => asking && decide.mutate(asking)}
      >
        <p className="[overflow-wrap:anywhere]">{item.reason}</p>
        {asking === "approve" && (
          <p className="mt-2">
            Once the command on the server carries it out, the next key signs after {plural(item.overlap_hours, "hour")}
            , and the present one is refused after as many again. It cannot be taken back. Approve what you know of.
          </p>
        )}
      </ConfirmDialog>
    </span>
  );
}
