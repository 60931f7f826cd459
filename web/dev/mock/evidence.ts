/**
 * A real log for every mock site: DSSE envelopes signed with Ed25519, an RFC 6962 tree and a
 * signed-note checkpoint, so that verification in the browser has something true to verify.
 */

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { day, hour, iso, minute, now, second } from "./clock.ts";
import { measure, type Site, silence } from "./fleet.ts";
import { Random } from "./random.ts";
import type { S } from "./wire.ts";

export const installation = { id: "inst_01k9m2v4c8q7r5t3w1x6y0z2ab", name: "Northgate Central" };

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

interface Key {
  secret: KeyObject;
  publicKey: Buffer;
  id: string;
}

function keyFrom(label: string): Key {
  const seed = sha256("proofline mock key", label);
  const secret = createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-32);
  return { secret, publicKey, id: hex(sha256(publicKey)) };
}

export const serverKeys = Object.fromEntries(
  (["server_facts", "checkpoint", "orders", "rules"] as const).map((role) => [role, keyFrom(role)]),
) as Record<"server_facts" | "checkpoint" | "orders" | "rules", Key>;

export const publicKeys = Object.entries(serverKeys).map(([role, key]) => ({
  role,
  key_id: key.id,
  public_key_base64: b64(key.publicKey),
  created_at: iso(Date.UTC(2025, 0, 12, 8, 30)),
  retired_at: null,
}));

interface Entry {
  row: S["EvidenceRow"];
  envelope: Buffer;
  key: Key;
  role: string;
}

export interface Log {
  entries: Entry[];
  hashes: Buffer[];
  applianceKey: Key;
  published: number;
}

const logs = new Map<string, Log>();
const catalogue = hex(sha256("mock catalogue"));

export function logOf(site: Site): Log {
  const known = logs.get(site.id);
  if (known) return known;
  const log = buildLog(site);
  logs.set(site.id, log);
  return log;
}

function buildLog(site: Site): Log {
  const applianceKey = keyFrom(site.id);
  const log: Log = { entries: [], hashes: [], applianceKey, published: 0 };
  if (!site.appliance) return log;
  site.appliance.key_id = applianceKey.id;
  const rng = new Random(site.seed + 99);
  const appliance = site.appliance.id;
  const asset = site.assets[0]?.id ?? null;
  append(
    site,
    log,
    serverKeys.server_facts,
    "server_facts",
    site.created + 2 * hour,
    null,
    {
      kind: "key",
      action: "enrolled",
      role: "appliance",
      public_key: b64(applianceKey.publicKey),
      key_id: applianceKey.id,
      holder: appliance,
      reason: "provisioning code claimed",
    },
    "Key enrolled for the appliance",
  );
  const measured = measure(site, now());
  if (measured.length === 0) return log;

  const end = now() - silence(site);
  const first = Math.max(site.created + 3 * hour, end - 9 * day);
  const results = measured.filter((m) => m.asset_id === asset);
  const state = hex(
    sha256(
      results
        .map((r) => `${r.check_id}\0${r.verdict}\0${hex(sha256(r.observed))}\n`)
        .sort()
        .join(""),
    ),
  );
  append(
    site,
    log,
    applianceKey,
    "appliance",
    first,
    appliance,
    {
      kind: "check_run",
      results: results.map(({ check_id, verdict, expected, observed, reason, check }) => ({
        check: check_id,
        verdict,
        expected,
        observed,
        reason,
        location: check?.location ?? "",
      })),
      state,
    },
    `First run: ${results.length} checks`,
    asset,
  );
  for (let at = first + hour; at < end; at += hour + rng.int(0, 50) * second) {
    const roll = rng.next();
    const some = rng.pick(results);
    if (roll < 0.06 && some.check) {
      append(
        site,
        log,
        applianceKey,
        "appliance",
        at,
        appliance,
        {
          kind: "check_run",
          results: [
            {
              check: some.check_id,
              verdict: "fail",
              expected: some.expected,
              observed: some.check.bad,
              reason: "",
              location: some.check.location,
            },
          ],
          state: hex(sha256(state, String(at))),
        },
        `Changed: ${some.title} now fails`,
        asset,
      );
      at += 40 * second;
      append(
        site,
        log,
        applianceKey,
        "appliance",
        at,
        appliance,
        {
          kind: "heal",
          incident: rng.id("inc"),
          check: some.check_id,
          rule: `${some.check_id}@3#${hex(sha256(some.check_id)).slice(0, 12)}`,
          runbook: some.check.runbook ?? "linux.service.start",
          plan_digest: hex(sha256("plan", some.check_id)),
          actor: "l1",
          mode: "enforce",
          before: {
            check: some.check_id,
            verdict: "fail",
            expected: some.expected,
            observed: some.check.bad,
            reason: "",
            location: some.check.location,
          },
          steps: [
            { step: "detect", outcome: "ok", detail: "the setting differs" },
            { step: "remediate", outcome: "ok", detail: "written, previous state kept" },
            { step: "verify", outcome: "ok", detail: "" },
          ],
          after: {
            check: some.check_id,
            verdict: "pass",
            expected: some.expected,
            observed: some.check.good,
            reason: "",
            location: some.check.location,
          },
          outcome: "resolved",
          rollback: `backup-${rng.int(1000, 9999)}`,
        },
        `Healed: ${some.title}`,
        asset,
      );
    } else if (roll < 0.08) {
      append(
        site,
        log,
        serverKeys.server_facts,
        "server_facts",
        at,
        null,
        {
          kind: "server_fact",
          fact: "mode_changed",
          subject_id: appliance,
          actor: "user_01k9m2v4c8q7r5t3w1x6y0z2aa",
          detail: "ask to enforce",
        },
        "Mode changed: ask to enforce",
      );
    } else {
      append(
        site,
        log,
        applianceKey,
        "appliance",
        at,
        appliance,
        { kind: "heartbeat", unchanged_since: 1, state },
        "Nothing changed",
        asset,
      );
    }
  }
  append(
    site,
    log,
    applianceKey,
    "appliance",
    end - minute,
    appliance,
    {
      kind: "check_run",
      results: results.slice(0, 120).map(({ check_id, verdict, expected, observed, reason, check }) => ({
        check: check_id,
        verdict,
        expected,
        observed,
        reason,
        location: check?.location ?? "",
      })),
      state,
    },
    `${results.length} checks confirmed`,
    asset,
  );
  log.published = Math.max(0, log.entries.length - 3);
  return log;
}

function append(
  site: Site,
  log: Log,
  key: Key,
  role: string,
  at: number,
  appliance: string | null,
  body: { kind: S["EvidenceKind"] } & Record<string, unknown>,
  summary: string,
  asset: string | null = null,
): void {
  const mine = log.entries.filter((e) => e.key.id === key.id);
  const previous = mine.at(-1);
  const seq = mine.length + 1;
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: asset ?? site.id, digest: { sha256: hex(sha256(JSON.stringify(body))) } }],
    predicateType: "urn:proofline:evidence:v1",
    predicate: {
      installation: installation.id,
      site: site.id,
      appliance,
      asset,
      seq,
      prev: previous ? hex(sha256(previous.envelope)) : "0".repeat(64),
      catalogue,
      started: iso(at - 2 * second),
      ended: iso(at),
      clock_offset_ms: appliance ? 2 : null,
      body,
    },
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const type = "application/vnd.in-toto+json";
  const pae = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const envelope = Buffer.from(
    JSON.stringify({
      payload: b64(payload),
      payloadType: type,
      signatures: [{ keyid: key.id, sig: b64(sign(null, pae, key.secret)) }],
    }),
  );
  log.hashes.push(sha256(Buffer.from([0]), envelope));
  log.entries.push({
    envelope,
    key,
    role,
    row: {
      index: log.entries.length,
      seq,
      kind: body.kind,
      appliance_id: appliance,
      asset_id: asset,
      started_at: iso(at - 2 * second),
      ended_at: iso(at),
      received_at: iso(at + second),
      summary,
      size_bytes: envelope.length,
    },
  });
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

export function rootOf(leaves: Buffer[]): Buffer {
  if (leaves.length === 0) return sha256("");
  if (leaves.length === 1) return leaves[0] as Buffer;
  const k = split(leaves.length);
  return sha256(Buffer.from([1]), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

function pathOf(index: number, leaves: Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return index < k
    ? [...pathOf(index, leaves.slice(0, k)), rootOf(leaves.slice(k))]
    : [...pathOf(index - k, leaves.slice(k)), rootOf(leaves.slice(0, k))];
}

export function checkpointOf(site: Site, log: Log): { note: string; root: Buffer } {
  const root = rootOf(log.hashes);
  const body = `${installation.id}/evidence/${site.id}\n${log.entries.length}\n${b64(root)}\n`;
  const key = serverKeys.checkpoint;
  const line = (kind: number, signature: Buffer) => {
    const hash = sha256(`${installation.id}\n`, Buffer.from([kind]), key.publicKey).subarray(0, 4);
    return `— ${installation.id} ${b64(Buffer.concat([hash, signature]))}\n`;
  };
  const seconds = Math.floor(now() / 1000);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const plain = sign(null, Buffer.from(body), key.secret);
  const timed = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${body}`), key.secret);
  return { note: `${body}\n${line(1, plain)}${line(4, Buffer.concat([time, timed]))}`, root };
}

export function entryOf(site: Site, index: number): S["EvidenceEntry"] | undefined {
  const log = logOf(site);
  const entry = log.entries[index];
  if (!entry) return undefined;
  const { note, root } = checkpointOf(site, log);
  const appliance = entry.role === "appliance";
  return {
    index,
    kind: entry.row.kind,
    envelope_base64: b64(entry.envelope),
    received_at: entry.row.received_at,
    key: {
      key_id: entry.key.id,
      public_key_base64: b64(entry.key.publicKey),
      role: entry.role,
      holder: appliance ? (site.appliance?.id ?? null) : null,
      enrolled_index: appliance ? 0 : null,
      revoked_index: null,
    },
    checkpoint: {
      note,
      size: log.entries.length,
      root_hex: hex(root),
      published_at: index < log.published ? iso(now() - 22 * minute) : null,
    },
    inclusion_proof: pathOf(index, log.hashes).map(b64),
    checkpoint_key: {
      name: installation.id,
      key_id_hex: hex(sha256(`${installation.id}\n`, Buffer.from([1]), serverKeys.checkpoint.publicKey).subarray(0, 4)),
      public_key_base64: b64(serverKeys.checkpoint.publicKey),
      vkey: "",
    },
  };
}
