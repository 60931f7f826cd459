/** Incidents of the mock: one for each failing check, and a few that are over. */

import { createHash } from "node:crypto";
import { checks, controls } from "./catalog.ts";
import { hour, iso, minute, now, second } from "./clock.ts";
import { measure, type Site, sites } from "./fleet.ts";
import { Random } from "./random.ts";
import type { S } from "./wire.ts";

const whys: Partial<Record<S["IncidentState"], string[]>> = {
  open: [
    "No rule matches this check, so nothing runs by itself. A person decides.",
    "The appliance is in audit mode: it observes and changes nothing.",
    "Waiting for the maintenance window that begins at 22:00 local time.",
  ],
  healing: ["Rule is running its first attempt."],
  verifying: ["The change was made 20 s ago; the check runs again before anything is called resolved."],
  awaiting_approval: ["The appliance is in ask mode: the plan below waits for a person."],
  escalated: [
    "Two attempts were not effective: something keeps changing the setting back. A configuration manager is the likely cause.",
  ],
  suppressed: ["Inside a maintenance window until 06:00. It opens again by itself when the window ends."],
  resolved: ["Healed by a rule; the second observation passed."],
  closed: ["The asset was retired."],
};

let all: S["IncidentRow"][] | undefined;

/** Who handed an incident to people, of those that a person did. */
const handed = new Map<string, { id: string; name: string; at: string; reason: string }>();

export function escalate(incident: S["IncidentRow"], person: { id: string; name: string }, reason: string): void {
  incident.state = "escalated";
  incident.why = `Handed to people: ${reason}.`;
  handed.set(incident.id, { ...person, at: iso(now()), reason });
}

export function incidents(): S["IncidentRow"][] {
  if (all) return all;
  all = [];
  for (const site of sites) {
    const rng = new Random(site.seed + 31);
    for (const m of measure(site, now())) {
      if (m.verdict !== "fail" || !m.check) continue;
      const state =
        site.profile === "offline" || !m.check.runbook
          ? "open"
          : rng.pick(["open", "open", "awaiting_approval", "escalated", "healing", "verifying", "suppressed"] as const);
      const failing = row(site, m, state, Date.parse(m.since ?? ""), rng);
      if (!m.check.runbook) failing.why = "No runbook repairs this: a person has to.";
      all.push(failing);
    }
    if (site.assets[0] && rng.chance(0.6)) {
      const check = rng.pick(checks.filter((c) => c.runbook));
      all.push(
        row(
          site,
          {
            asset_id: site.assets[0].id,
            asset_name: site.assets[0].name,
            check_id: check.id,
            title: check.title,
            severity: check.severity,
          },
          "resolved",
          now() - rng.int(1, 70) * hour,
          rng,
        ),
      );
    }
  }
  all.sort((a, b) => b.opened_at.localeCompare(a.opened_at));
  return all;
}

function row(
  site: Site,
  m: Pick<S["PostureCheck"], "asset_id" | "asset_name" | "check_id" | "title" | "severity">,
  state: S["IncidentState"],
  opened: number,
  rng: Random,
): S["IncidentRow"] {
  const over = state === "resolved" || state === "closed";
  return {
    id: rng.id("inc"),
    site_id: site.id,
    site_name: site.name,
    org_name: site.org.name,
    asset_id: m.asset_id,
    asset_name: m.asset_name,
    check_id: m.check_id,
    title: m.title,
    severity: m.severity,
    state,
    opened_at: iso(opened),
    updated_at: iso(over ? opened + 41 * second : Math.min(now(), opened + 4 * minute)),
    resolved_at: over ? iso(opened + 41 * second) : null,
    recurrences: rng.chance(0.25) ? rng.int(1, 4) : 0,
    why: rng.pick(whys[state] ?? ["No rule matches this check."]),
  };
}

export function detail(incident: S["IncidentRow"]): S["IncidentDetail"] {
  const check = checks.find((c) => c.id === incident.check_id);
  const control = controls.find((c) => c.id === check?.control);
  const opened = Date.parse(incident.opened_at);
  const before = {
    verdict: "fail" as const,
    expected: check?.expected ?? "",
    observed: check?.bad ?? "",
    reason: "",
    location: check?.location ?? "",
  };
  const after = { ...before, verdict: "pass" as const, observed: check?.good ?? "" };
  const t = (seconds: number) => iso(opened + seconds * second);
  const step = (
    from: S["IncidentState"] | null,
    to: S["IncidentState"],
    at: string,
    actor: string,
    cause: string,
    entry: number | null = 5,
    name: string | null = null,
  ) => ({ at, from, to, actor, actor_name: name, cause, entry_index: entry });
  const by = handed.get(incident.id);
  const transitions = [step(null, "open", t(0), "agent", "The check failed", 3)];
  const heals: S["IncidentDetail"]["heals"] = [];
  const attempt = (at: number, outcome: "resolved" | "not_effective") =>
    heals.push({
      at: t(at),
      runbook: check?.runbook ?? "linux.service.start",
      rule: `${incident.check_id}@3#9f3ac41e77d0`,
      actor: "l1",
      before,
      after: outcome === "resolved" ? after : before,
      outcome,
      steps: [
        { step: "Look at the present setting", outcome: "ok", detail: before.location },
        { step: "Write the expected setting, keeping the previous one", outcome: "ok", detail: "" },
        { step: "Reload the service", outcome: "ok", detail: "" },
        {
          step: "Observe again",
          outcome: outcome === "resolved" ? "ok" : "failed",
          detail: outcome === "resolved" ? "" : "the old value is back",
        },
      ],
      entry_index: 4,
    });
  switch (incident.state) {
    case "resolved":
      attempt(12, "resolved");
      transitions.push(
        step("open", "healing", t(8), "l1", "Rule matched"),
        step("healing", "verifying", t(14), "l1", "Runbook finished"),
        step("verifying", "resolved", t(41), "agent", "The second observation passed"),
      );
      break;
    case "escalated":
      if (by) {
        transitions.push(step("open", "escalated", by.at, `user:${by.id}`, by.reason, null, by.name));
        break;
      }
      attempt(12, "not_effective");
      attempt(620, "not_effective");
      transitions.push(
        step("open", "healing", t(8), "l1", "Rule matched"),
        step("healing", "verifying", t(14), "l1", "Runbook finished"),
        step("verifying", "open", t(45), "agent", "Still failing"),
        step("open", "escalated", t(660), "l1", "Two attempts were not effective"),
      );
      break;
    case "healing":
      transitions.push(step("open", "healing", t(8), "l1", "Rule matched"));
      break;
    case "verifying":
      transitions.push(
        step("open", "healing", t(8), "l1", "Rule matched"),
        step("healing", "verifying", t(14), "l1", "Runbook finished"),
      );
      break;
    case "awaiting_approval":
      transitions.push(step("open", "awaiting_approval", t(9), "l1", "The appliance is in ask mode"));
      break;
    case "suppressed":
      transitions.push(step("open", "suppressed", t(9), "l1", "Maintenance window"));
      break;
    case "open":
      transitions.push(step("open", "open", t(31), "agent", "no rule answers this check here"));
      break;
    case "closed":
      break;
  }
  return {
    ...incident,
    check: {
      title: incident.title,
      why_it_matters:
        "Whoever gets in this way can read every record on this machine, and nothing would show who it was.",
      consequence: "Patient data could be read or changed without a trace.",
      controls: control ? [control.id] : [],
    },
    transitions,
    heals,
    last_observation: {
      ...(incident.state === "resolved" ? after : before),
      at: iso(Math.min(now(), now() - 40 * second)),
      entry_index: 3,
    },
    mode: incident.state === "awaiting_approval" ? "ask" : "enforce",
    plan_digest: incident.state === "awaiting_approval" ? createHash("sha256").update(incident.id).digest("hex") : null,
    runbook: check?.runbook
      ? {
          id: check.runbook,
          title: "Put the setting back",
          description: `Sets what the check looks at to “${check.expected}”. Nobody has to sign in again.`,
          steps: [
            { text: `Set ${check.id.split(".").at(-1)} to "${check.good}" for the service`, lines: [] },
            {
              text: "Write 2 audit rules to 50-proofline-setting.rules",
              lines: ["-w /etc/ssh/sshd_config -p wa -k setting", "-w /etc/ssh/sshd_config.d -p wa -k setting"],
            },
            { text: "Validate the service's configuration and reload it", lines: [] },
          ],
          disruptive: check.runbook.includes("sshd"),
          rollback:
            "The state before each change is kept, and put back by itself where a step fails or the check still does not pass afterwards. Then: validate the service's configuration and reload it.",
        }
      : null,
  };
}
