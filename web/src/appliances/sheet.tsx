import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client";
import { wordsFor } from "../api/error-words";
import { useDenied } from "../auth/context";
import { cx } from "../lib/cx";
import { milliseconds, plural } from "../lib/format";
import { useLast } from "../lib/last";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { ConfirmDialog } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Digest } from "../ui/digest";
import { Fact, Facts } from "../ui/facts";
import { Time } from "../ui/time";
import { say } from "../ui/toast";
import { modes } from "./mode";
import { PresenceChip } from "./presence";
import { type Appliance, type Mode, modeNames } from "../api/types";

/** Everything about one appliance, and what can be done with it. */
export function ApplianceSheet({
  appliance: open,
  onClose,
}: {
  appliance: Appliance | undefined;
  onClose: () => void;
}) {
  const appliance = useLast(open);
  if (!appliance) return null;
  return (
    <Dialog
      open={open !== undefined}
      shape="sheet"
      onClose={onClose}
      title={appliance.hostname}
      description={
        appliance.site_name === appliance.org_name
          ? appliance.site_name
          : `${appliance.site_name} · ${appliance.org_name}`
      }
    >
      <Details appliance={appliance} />
      <ModeChoice appliance={appliance} />
      <div className="flex flex-wrap gap-2 border-t border-hair px-5 py-4">
        <RunChecks appliance={appliance} />
        <Revoke appliance={appliance} />
      </div>
    </Dialog>
  );
}

function Details({ appliance }: { appliance: Appliance }) {
  const cycle = appliance.last_cycle;
  return (
    <Facts className="px-5">
      <Fact name="Status">
        <PresenceChip status={appliance.status} />
      </Fact>
      <Fact name="Last check-in">
        <Time at={appliance.last_seen_at} focusable />
      </Fact>
      <Fact name="Last cycle">
        {cycle?.checks === 0 && cycle.errors === 0 ? (
          <>
            nothing was due, <Time at={cycle.started_at} focusable />
          </>
        ) : cycle ? (
          <>
            {plural(cycle.checks, "check")} in {milliseconds(cycle.duration_ms)}, {plural(cycle.errors, "error")},{" "}
            <Time at={cycle.started_at} focusable />
          </>
        ) : (
          "none yet"
        )}
      </Fact>
      <Fact name="Not yet sent">
        {appliance.outbox_depth == null
          ? "not known"
          : `${plural(appliance.outbox_depth, "entry", "entries")} in its queue`}
      </Fact>
      <Fact name="Agent">{appliance.agent_version ?? "not known"}</Fact>
      <Fact name="Platform">{appliance.platform}</Fact>
      <Fact name="Catalogue">
        {appliance.catalogue_current == null ? (
          "not known"
        ) : appliance.catalogue_current ? (
          "up to date"
        ) : (
          <Chip tone="warn">older than the server's</Chip>
        )}
      </Fact>
      <Fact name="Key">
        <Digest hex={appliance.key_id} />
      </Fact>
      <Fact name="Enrolled">
        <Time at={appliance.enrolled_at} focusable />
      </Fact>
      {appliance.revoked_at && (
        <Fact name="Revoked">
          <Time at={appliance.revoked_at} focusable />
          {appliance.revoked_reason && <span className="block text-ink-2">{appliance.revoked_reason}</span>}
        </Fact>
      )}
      <Fact name="Site">
        <Link to="/sites/$siteId" params={{ siteId: appliance.site_id }} className="link">
          {appliance.site_name}
        </Link>
      </Fact>
      <Fact name="Id">
        <code className="select-all">{appliance.id}</code>
      </Fact>
    </Facts>
  );
}

function useRefresh(appliance: Appliance) {
  const client = useQueryClient();
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ["appliances"] }),
      client.invalidateQueries({ queryKey: ["site", appliance.site_id] }),
    ]);
}

function ModeChoice({ appliance }: { appliance: Appliance }) {
  const denied = useDenied();
  const refresh = useRefresh(appliance);
  const set = useMutation({
    mutationFn: (mode: Mode) =>
      api.post("/api/appliances/{appliance_id}/mode", { path: { appliance_id: appliance.id }, body: { mode } }),
    onSuccess: ({ mode }) =>
      say(`${appliance.hostname} goes to ${modes[mode]?.word.toLowerCase() ?? mode} at its next check-in`),
    onError: (error) => say(`The mode was not changed. ${wordsFor(error).title}.`, "bad"),
    onSettled: refresh,
  });
  const reason = appliance.revoked_at ? "its key is revoked" : denied("appliance.set_mode");
  const current = set.isPending ? set.variables : appliance.mode;
  return (
    <fieldset className="border-t border-hair px-5 py-4" aria-describedby={reason ? "mode-reason" : undefined}>
      <legend className="float-left mb-2 w-full font-semibold">What it may do</legend>
      <div className="clear-both grid gap-2 sm:grid-cols-3">
        {modeNames.map((mode) => (
          <label
            key={mode}
            className={cx(
              "grid content-start gap-0.5 rounded-md border px-3 py-2 has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent",
              current === mode ? "border-accent bg-accent-soft" : "border-line",
              reason ? "cursor-not-allowed" : "cursor-pointer",
            )}
          >
            <span className="flex items-center gap-2 font-semibold">
              <input
                type="radio"
                name="mode"
                className="accent-[var(--accent)]"
                checked={current === mode}
                disabled={Boolean(reason)}
                onChange={() => set.mutate(mode)}
              />
              {modes[mode]?.word}
            </span>
            <span className="text-xs text-ink-2">{modes[mode]?.meaning}</span>
          </label>
        ))}
      </div>
      {appliance.local_override && (
        <p className="mt-2 text-ink-2">
          Somebody at the site holds it at {appliance.local_override}. That always wins.
        </p>
      )}
      {reason && (
        <p id="mode-reason" className="mt-2 text-xs text-ink-3">
          Not possible: {reason}.
        </p>
      )}
    </fieldset>
  );
}

function RunChecks({ appliance }: { appliance: Appliance }) {
  const denied = useDenied();
  const run = useMutation({
    mutationFn: () => api.post("/api/appliances/{appliance_id}/run-checks", { path: { appliance_id: appliance.id } }),
    onSuccess: () => say("Asked. It runs its checks at its next check-in, within about a minute."),
    onError: (error) => say(`The checks were not asked for. ${wordsFor(error).title}.`, "bad"),
  });
  const reason = appliance.revoked_at
    ? "its key is revoked"
    : (denied("appliance.run_checks") ??
      (appliance.status === "offline" ? "it is offline; the order would lapse before it comes back" : undefined));
  return (
    <Button icon="play" disabledReason={reason} busy={run.isPending} onClick={() => run.mutate()}>
      Run checks now
    </Button>
  );
}

function Revoke({ appliance }: { appliance: Appliance }) {
  const denied = useDenied();
  const refresh = useRefresh(appliance);
  const [asking, setAsking] = useState(false);
  const revoke = useMutation({
    mutationFn: (reason: string) =>
      api.post("/api/appliances/{appliance_id}/revoke", { path: { appliance_id: appliance.id }, body: { reason } }),
    onSuccess: () => {
      setAsking(false);
      say(`The key of ${appliance.hostname} is revoked`);
    },
    onSettled: refresh,
  });
  return (
    <>
      <Button
        look="danger"
        icon="power"
        disabledReason={appliance.revoked_at ? "its key is revoked already" : denied("appliance.revoke")}
        onClick={() => setAsking(true)}
      >
        Revoke its key
      </Button>
      <ConfirmDialog
        open={asking}
        onClose={() => {
          setAsking(false);
          revoke.reset();
        }}
        title={`Revoke the key of ${appliance.hostname}?`}
        action="Revoke for good"
        reason={{ label: "Why", minLength: 10 }}
        busy={revoke.isPending}
        problem={revoke.isError ? `${wordsFor(revoke.error).title}. ${wordsFor(revoke.error).advice}` : undefined}
        onConfirm={(text) => revoke.mutate(text)}
      >
        Whatever it sends from now on is refused.{" "}
        {appliance.outbox_depth
          ? `${plural(appliance.outbox_depth, "unsent entry is", "unsent entries are")} lost to the log. `
          : ""}
        This cannot be undone: to come back, the machine needs a new code. Its past evidence stays valid.
      </ConfirmDialog>
    </>
  );
}
