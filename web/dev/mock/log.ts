/**
 * A real log: DSSE envelopes signed with Ed25519, an RFC 6962 tree and a signed-note checkpoint, so
 * that verification in the browser has something true to verify.
 */

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { Body } from "../../src/proof/statement.ts";
import { iso, now, second } from "./clock.ts";
import type { S } from "./wire.ts";

export const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
export const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

export interface Key {
  role: string;
  /** The appliance that holds it. */
  holder: string | null;
  secret: KeyObject;
  publicKey: Buffer;
  id: string;
}

export function keyFrom(label: string, role: string, holder: string | null = null): Key {
  const seed = sha256("proofline mock key", label);
  const secret = createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-32);
  return { role, holder, secret, publicKey, id: hex(sha256(publicKey)) };
}

/** The statement that a key is in force from here on. */
export const enrolled = (key: Key, reason: string): Body => stated("enrolled", key, reason);

/** The statement that a key takes the place of the one before it. */
export const rotated = (key: Key, reason: string): Body => stated("rotated", key, reason);

const stated = (action: "enrolled" | "rotated", key: Key, reason: string): Body => ({
  kind: "key",
  action,
  role: key.role,
  public_key: b64(key.publicKey),
  key_id: key.id,
  holder: key.holder,
  reason,
});

interface Entry {
  row: S["EvidenceRow"];
  body: Body;
  envelope: Buffer;
  key: Key;
}

/** What a statement is about; who makes it is whoever holds the key, unless it is to be a lie. */
interface About {
  asset?: string;
  appliance?: string | null;
  summary?: string;
}

const catalogue = hex(sha256("mock catalogue"));

export class Log {
  readonly entries: Entry[] = [];
  /** How many entries are published. */
  published = 0;
  private readonly hashes: Buffer[] = [];
  private readonly last = new Map<string, { seq: number; prev: string }>();
  private readonly installation: string;
  private readonly site: string;
  private readonly firstKey: Key;
  private checkpointKey: Key;
  private readonly successors: string[] = [];

  constructor(installation: string, site: string, checkpointKey: Key) {
    this.installation = installation;
    this.site = site;
    this.firstKey = checkpointKey;
    this.checkpointKey = checkpointKey;
  }

  /** From now on heads are signed by this key, which the one before it names. */
  changeOver(key: Key, from: number, until: number): void {
    const said = {
      installation: this.installation,
      role: "checkpoint",
      predecessor: this.checkpointKey.id,
      successor: b64(key.publicKey),
      not_before: iso(from),
      predecessor_until: iso(until),
    };
    this.successors.push(envelopeOf(JSON.stringify(said), this.checkpointKey, successorType).toString());
    this.checkpointKey = key;
  }

  /** Signs the statement and appends it. */
  append(key: Key, at: number, body: Body, about: About = {}): S["EvidenceRow"] {
    const { asset = null, appliance = key.holder, summary = "" } = about;
    const signer = key.holder ?? "";
    const { seq, prev } = this.last.get(signer) ?? { seq: 1, prev: "0".repeat(64) };
    const statement = {
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: asset ?? this.site, digest: { sha256: hex(sha256(JSON.stringify(body))) } }],
      predicateType: "urn:proofline:evidence:v1",
      predicate: {
        installation: this.installation,
        site: this.site,
        appliance,
        asset,
        seq,
        prev,
        catalogue,
        started: iso(at - 2 * second),
        ended: iso(at),
        clock_offset_ms: appliance ? 2 : null,
        body,
      },
    };
    const envelope = envelopeOf(JSON.stringify(statement), key);
    const row: S["EvidenceRow"] = {
      index: this.entries.length,
      seq,
      kind: body.kind,
      appliance_id: appliance,
      asset_id: asset,
      started_at: iso(at - 2 * second),
      ended_at: iso(at),
      received_at: iso(at + second),
      summary,
      size_bytes: envelope.length,
    };
    this.last.set(signer, { seq: seq + 1, prev: hex(sha256(envelope)) });
    this.hashes.push(sha256(Buffer.from([0]), envelope));
    this.entries.push({ row, body, envelope, key });
    return row;
  }

  root(): Buffer {
    return rootOf(this.hashes);
  }

  /** An entry as the API gives it, with its proof under a head that is signed at `at`. */
  entry(index: number, at = now()): S["EvidenceEntry"] | undefined {
    const entry = this.entries[index];
    if (!entry) return undefined;
    const { row, envelope, key } = entry;
    const name = this.installation;
    const { publicKey } = this.firstKey;
    const keyHash = lineHash(name, 1, publicKey);
    return {
      index,
      kind: row.kind,
      envelope_base64: b64(envelope),
      received_at: row.received_at,
      key: {
        key_id: key.id,
        public_key_base64: b64(key.publicKey),
        role: key.role,
        holder: key.holder,
        enrolled_index: this.indexOf(key, "enrolled") ?? this.indexOf(key, "rotated"),
        revoked_index: this.indexOf(key, "revoked"),
      },
      checkpoint: {
        note: this.note(at),
        size: this.entries.length,
        root_hex: hex(this.root()),
        published_at: index < this.published ? iso(at - 1320 * second) : null,
      },
      inclusion_proof: pathOf(index, this.hashes).map(b64),
      checkpoint_key: {
        name,
        key_id_hex: hex(keyHash),
        public_key_base64: b64(publicKey),
        vkey: vkeyOf(name, publicKey),
      },
      checkpoint_successors: this.successors,
    };
  }

  /** Where the log first says this of the key. */
  private indexOf(key: Key, action: string): number | null {
    const says = ({ body }: Entry) => body.kind === "key" && body.action === action && body.key_id === key.id;
    return this.entries.find(says)?.row.index ?? null;
  }

  /** The head, signed plainly and with the time. */
  private note(at: number): string {
    const { secret, publicKey } = this.checkpointKey;
    const body = `${this.installation}/evidence/${this.site}\n${this.entries.length}\n${b64(this.root())}\n`;
    const line = (kind: number, signature: Buffer) =>
      `— ${this.installation} ${b64(Buffer.concat([lineHash(this.installation, kind, publicKey), signature]))}\n`;
    const seconds = Math.floor(at / second);
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(seconds));
    const plain = sign(null, Buffer.from(body), secret);
    const timed = sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${body}`), secret);
    return `${body}\n${line(1, plain)}${line(4, Buffer.concat([time, timed]))}`;
  }
}

const successorType = "application/vnd.proofline.key-successor+json";

function envelopeOf(statement: string, key: Key, type = "application/vnd.in-toto+json"): Buffer {
  const payload = Buffer.from(statement);
  const pae = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const signatures = [{ keyid: key.id, sig: b64(sign(null, pae, key.secret)) }];
  return Buffer.from(JSON.stringify({ payload: b64(payload), payloadType: type, signatures }));
}

const lineHash = (name: string, kind: number, publicKey: Buffer) =>
  sha256(`${name}\n`, Buffer.from([kind]), publicKey).subarray(0, 4);

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function rootOf(leaves: Buffer[]): Buffer {
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

/** A plain Ed25519 key of a note, in one line. */
export function vkeyOf(name: string, publicKey: Buffer): string {
  const material = Buffer.concat([Buffer.from([1]), publicKey]);
  return `${name}+${hex(lineHash(name, 1, publicKey))}+${b64(material)}`;
}
