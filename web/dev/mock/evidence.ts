/** What the logs of the mock's sites say: everything that the posture shows, and some life before it. */

import { type Body, type ObservedResult, resultFor } from "../../src/proof/statement.ts";
import { day, hour, iso, minute, now, second } from "./clock.ts";
import { type Measured, measure, type Site, silence } from "./fleet.ts";
import { b64, enrolled, hex, type Key, keyFrom, Log, sha256, vkeyOf } from "./log.ts";
import { Random } from "./random.ts";
import type { S } from "./wire.ts";

export const installation = { id: "inst_01k9m2v4c8q7r5t3w1x6y0z2ab", name: "Northgate Central" };

const serverKeys = {
  server_facts: keyFrom("server_facts", "server_facts"),
  checkpoint: keyFrom("checkpoint", "checkpoint"),
  orders: keyFrom("orders", "orders"),
  rules: keyFrom("rules", "rules"),
};

export const publicKeys = Object.values(serverKeys).map((key) => ({
  role: key.role,
  key_id: key.id,
  public_key_base64: b64(key.publicKey),
  vkey: key.role === "checkpoint" ? vkeyOf(installation.id, key.publicKey) : null,
  created_at: iso(Date.UTC(2025, 0, 12, 8, 30)),
  retired_at: null,
}));

const logs = new Map<string, { log: Log; built: number; appliance: Site["appliance"] }>();

/** The site's log; once in an hour a new one, so that what it confirms stays recent. */
export function logOf(site: Site): Log {
  const known = logs.get(site.id);
  if (known && known.appliance === site.appliance && now() - known.built < hour) return known.log;
  const log = buildLog(site);
  logs.set(site.id, { log, built: now(), appliance: site.appliance });
  return log;
}

/** One machine and all that is measured on it. */
interface Machine {
  asset: string;
  results: Result[];
}
type Result = ObservedResult & { check: string };

function buildLog(site: Site): Log {
  const log = new Log(installation.id, site.id, serverKeys.checkpoint);
  if (!site.appliance) return log;
  const appliance = site.appliance.id;
  const key = keyFrom(site.id, "appliance", appliance);
  const facts = serverKeys.server_facts;
  for (const [enrolling, reason, summary] of [
    [facts, "key of the installation when this log began", "Key enrolled: server facts"],
    [serverKeys.checkpoint, "key of the installation when this log began", "Key enrolled: checkpoint"],
    [key, "provisioning code claimed", "Key enrolled for the appliance"],
  ] as const) {
    log.append(facts, site.created + 2 * hour, enrolled(enrolling, reason), { summary });
  }
  const measured = measure(site, now());
  if (measured.length === 0) return log;

  const rng = new Random(site.seed + 99);
  const machines = site.assets.map(({ id }): Machine => {
    return { asset: id, results: measured.filter((m) => m.asset_id === id).map(resultOf) };
  });
  const end = now() - silence(site);
  const first = Math.max(site.created + 3 * hour, end - 9 * day);
  let latest = machines.map((machine) => run(log, key, machine, first, "First run"));
  for (let at = first + hour; at < end - 2 * minute; at += hour + rng.int(0, 50) * second) {
    const roll = rng.next();
    const place = rng.int(0, machines.length - 1);
    const machine = machines[place] as Machine;
    const some = rng.pick(measured.filter((m) => m.asset_id === machine.asset && m.verdict === "pass"));
    if (roll < 0.06) {
      heal(log, key, machine, some, at, rng);
    } else if (roll < 0.08) {
      const actor = "user_01k9m2v4c8q7r5t3w1x6y0z2aa";
      log.append(
        facts,
        at,
        { kind: "server_fact", fact: "mode_changed", subject_id: appliance, actor, detail: "ask to enforce" },
        { summary: "Mode changed: ask to enforce" },
      );
    } else {
      heartbeat(log, key, machine, at, latest[place] as number);
    }
  }
  latest = machines.map((machine) => run(log, key, machine, end - minute, "Run on request"));
  machines.forEach((machine, place) => heartbeat(log, key, machine, end - 40 * second, latest[place] as number));
  log.published = Math.max(0, log.entries.length - 3);
  return log;
}

const resultOf = ({ check_id, verdict, expected, observed, reason, check }: Measured): Result => ({
  check: check_id,
  verdict,
  expected,
  observed,
  reason,
  location: check?.location ?? "",
});

/** The digest of a machine's whole state, as the format says. */
const stateOf = (results: readonly Result[]): string =>
  hex(sha256(...results.map((r) => `${r.check}\0${r.verdict}\0${hex(sha256(r.observed))}\n`).sort()));

const perStatement = 24;

/** A whole run, in as many statements as it takes; the last one carries the state. Gives its sequence number. */
function run(log: Log, key: Key, { asset, results }: Machine, at: number, summary: string): number {
  for (let from = 0; ; from += perStatement) {
    const part = results.slice(from, from + perStatement);
    const last = from + perStatement >= results.length;
    const body: Body = { kind: "check_run", results: part, state: last ? stateOf(results) : null };
    const { seq } = log.append(key, at, body, { asset, summary: `${summary}: ${part.length} checks` });
    if (last) return seq;
  }
}

function heartbeat(log: Log, key: Key, { asset, results }: Machine, at: number, since: number): void {
  const body: Body = { kind: "heartbeat", unchanged_since: since, state: stateOf(results) };
  log.append(key, at, body, { asset, summary: "Nothing changed" });
}

/** Something that passes fails, and is healed. */
function heal(log: Log, key: Key, { asset, results }: Machine, some: Measured, at: number, rng: Random): void {
  const after = resultOf(some);
  const before = { ...after, verdict: "fail", observed: some.check?.bad ?? "" };
  const state = stateOf(results.map((result) => (result.check === before.check ? before : result)));
  const failing: Body = { kind: "check_run", results: [before], state };
  log.append(key, at, failing, { asset, summary: `Changed: ${some.title} now fails` });
  const healed: Body = {
    kind: "heal",
    incident: rng.id("inc"),
    check: some.check_id,
    rule: `${some.check_id}@3#${hex(sha256(some.check_id)).slice(0, 12)}`,
    runbook: some.check?.runbook ?? "linux.service.start",
    plan_digest: hex(sha256("plan", some.check_id)),
    actor: "l1",
    mode: "enforce",
    before,
    steps: [
      { step: "detect", outcome: "ok", detail: "the setting differs" },
      { step: "remediate", outcome: "ok", detail: "written, previous state kept" },
      { step: "verify", outcome: "ok", detail: "" },
    ],
    after,
    outcome: "resolved",
    rollback: `backup-${rng.int(1000, 9999)}`,
  };
  log.append(key, at + 40 * second, healed, { asset, summary: `Healed: ${some.title}` });
}

type Cell = Pick<S["PostureCheck"], "entry_index" | "confirmed_index" | "last_confirmed_at">;

/** The evidence behind a cell as of a time: the entry that says it, and the one that confirmed it last. */
export function evidenceOf(log: Log, cell: Measured, asOf: number): Cell {
  const says = ({ body }: { body: Body }) => {
    const result = resultFor(body, cell.check_id);
    return result?.verdict === cell.verdict && result.observed === cell.observed;
  };
  const confirms = ({ body }: { body: Body }) =>
    "state" in body && body.state !== null && resultFor(body, cell.check_id) === undefined;
  const known = log.entries.filter(({ row }) => row.asset_id === cell.asset_id && Date.parse(row.ended_at) <= asOf);
  const naming = known.findLast(says);
  const confirming = naming && known.findLast((entry) => says(entry) || confirms(entry));
  return {
    entry_index: naming?.row.index ?? null,
    confirmed_index: confirming?.row.index ?? null,
    last_confirmed_at: confirming?.row.ended_at ?? cell.last_confirmed_at ?? null,
  };
}
