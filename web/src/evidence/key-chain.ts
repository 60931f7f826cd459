/**
 * The keys that sign a log's checkpoints, one after the other: each names the next one in a statement that it signs. A key
 * signs from its own time on until its successor's statement says that it is refused.
 */

import { equal, toHex, utf8 } from "./bytes";
import { type Checkpoint, openCheckpoint } from "./checkpoint";
import { parseEnvelopeUpTo, verifyEnvelopeOf } from "./envelope";
import { Fields } from "./fields";
import { readJson } from "./json";
import { keyId, type PublicKey, publicKeyFromBase64 } from "./key";
import { keyHash, type Note, type NoteKey, parseNote } from "./note";
import { Defect } from "./reasons";
import { digest, time } from "./words";

const payloadType = "application/vnd.proofline.key-successor+json";
const maxBytes = 4 * 1024;
const maxSuccessors = 64;
const microseconds = 1_000_000n;

interface Held {
  key: NoteKey;
  /** Microseconds since 1970: signs nothing before. `undefined` for the first key. */
  from: bigint | undefined;
  /** Signs nothing from then on. `undefined` while it has no successor. */
  until: bigint | undefined;
}

/** The first key and its successors. */
export type CheckpointKeys = readonly Held[];

/** The key and what these statements, each an envelope, add to it. */
export function followKeys(first: NoteKey, statements: readonly string[]): CheckpointKeys {
  const keys: Held[] = [{ key: { ...first, kind: 1 }, from: undefined, until: undefined }];
  for (const statement of statements) follow(keys, utf8(statement));
  return keys;
}

function follow(keys: Held[], statement: Uint8Array): void {
  const last = keys[keys.length - 1] as Held;
  const envelope = judged(() => parseEnvelopeUpTo(statement, maxBytes));
  if (envelope.keyId !== keyId(last.key.key)) {
    throw new Defect("successor_order", `signed by key ${envelope.keyId}, which is not the last one`);
  }
  const said = judged(() => read(verifyEnvelopeOf(payloadType, envelope, last.key.key), last.key));
  if (keys.some(({ key }) => equal(key.key, said.key))) {
    throw new Defect("successor_order", `key ${keyId(said.key)} comes twice`);
  }
  if (keys.length > maxSuccessors) throw new Defect("successor_invalid", `more than ${maxSuccessors}`);
  last.until = said.until;
  keys.push({ key: { ...last.key, key: said.key }, from: said.from, until: undefined });
}

function judged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Defect ? new Defect("successor_invalid", `${error.reason}: ${error.detail}`) : error;
  }
}

interface Said {
  key: PublicKey;
  from: bigint;
  until: bigint;
}

function read(payload: Uint8Array, last: NoteKey): Said {
  const said = new Fields(readJson(payload, maxBytes), "successor");
  const foreign = (what: string) => new Defect("field_value", `about another ${what}`);
  if (said.text("installation") !== last.name) throw foreign("installation");
  if (said.text("role") !== "checkpoint") throw foreign("role");
  if (said.parsed("predecessor", digest) !== keyId(last.key)) throw foreign("key");
  const key = publicKeyFromBase64(said.text("successor"));
  const from = said.parsed("not_before", time);
  const until = said.parsed("predecessor_until", time);
  said.finish();
  if (until <= from) throw new Defect("field_value", "a gap between the two keys");
  return { key, from, until };
}

/** Reads a checkpoint under whichever key signed it in its time; of several the last one counts. */
export function openCheckpointOf(
  keys: CheckpointKeys,
  bytes: Uint8Array,
  expectedOrigin: string,
): Checkpoint & { signer: number } {
  const note = parseNote(bytes);
  const signer = keys.findLastIndex(({ key }) => names(note, key));
  const held = keys[signer];
  if (!held) throw stranger(keys, note);
  const checkpoint = openCheckpoint(bytes, held.key, expectedOrigin);
  const at = checkpoint.signedAt;
  // Checkpoints are dated in whole seconds.
  const early = held.from !== undefined && at < held.from / microseconds;
  if (early || (held.until !== undefined && held.until <= at * microseconds)) {
    throw new Defect("checkpoint_key_time", `signed ${at} seconds after 1970`);
  }
  return { ...checkpoint, signer };
}

const names = (note: Note, key: NoteKey): boolean => {
  const hash = keyHash(key);
  return note.signatures.some((line) => line.name === key.name && equal(line.hash, hash));
};

function stranger(keys: CheckpointKeys, note: Note): Defect {
  const known = keys.flatMap(({ key }) => [keyHash(key), keyHash({ ...key, kind: 4 })]);
  const line = note.signatures.find(
    ({ name, hash }) => name === keys[0]?.key.name && !known.some((other) => equal(other, hash)),
  );
  return line
    ? new Defect("successor_missing", `key ${toHex(line.hash)}`)
    : new Defect("note_unsigned", "no signature of the expected key");
}
