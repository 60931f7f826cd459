/** C2SP signed notes and their verifier keys. A bad signature by a known key refuses the note; unknown ones are ignored. */

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal, fromBase64, fromBase64Of, fromUtf8, toHex, utf8 } from "./bytes";
import { type PublicKey, publicKey, signatureHolds } from "./key";
import { Defect } from "./reasons";

const maxNoteBytes = 64 * 1024;
const maxSignatures = 64;
const lineFeed = 0x0a;

/** 1: Ed25519 over the text. 4: cosignature/v1, over a time and the text. */
export type SignatureKind = 1 | 4;

export interface NoteKey {
  name: string;
  kind: SignatureKind;
  key: PublicKey;
}

interface SignatureLine {
  name: string;
  hash: Uint8Array;
  signature: Uint8Array;
}

export interface Note {
  text: string;
  signatures: SignatureLine[];
}

const isKeyName = (name: string): boolean => name !== "" && !/[\p{White_Space}\p{Cc}+]/u.test(name);

/** What a signature line names the key by. */
export function keyHash({ name, kind, key }: NoteKey): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(kind), key)).slice(0, 4);
}

/** Reads `name+hash+base64`. */
export function parseNoteKey(text: string): NoteKey {
  const refused = (detail: string) => new Defect("note_key_malformed", detail);
  const [name, hash, ...rest] = text.split("+");
  if (name === undefined || hash === undefined || rest.length === 0) throw refused("expected name+hash+key");
  const material = fromBase64Of(rest.join("+"), 33, "note_key_malformed");
  const kind = material[0];
  if (kind !== 1 && kind !== 4) throw refused("not an Ed25519 key");
  const parsed: NoteKey = { name, kind, key: publicKey(material.slice(1)) };
  if (!isKeyName(name)) throw refused("the key's name is empty or holds a space or `+`");
  if (toHex(keyHash(parsed)) !== hash) throw refused("the hash does not belong to name and key");
  return parsed;
}

export function parseNote(bytes: Uint8Array): Note {
  const refused = (detail: string) => new Defect("note_malformed", detail);
  if (bytes.length > maxNoteBytes) throw refused("too large");
  const note = fromUtf8(bytes);
  if (note === undefined) throw refused("not UTF-8");
  if (bytes.some((byte) => byte < 0x20 && byte !== lineFeed)) throw refused("control characters");
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw refused("no empty line before the signatures");
  const lines = note.slice(split + 2);
  if (!lines.endsWith("\n")) throw refused("the last line does not end");
  const signatures = lines.slice(0, -1).split("\n").map(parseSignatureLine);
  if (signatures.length > maxSignatures) throw refused("too many signatures");
  return { text: note.slice(0, split + 1), signatures };
}

function parseSignatureLine(line: string): SignatureLine {
  const refused = () => new Defect("note_malformed", "a signature line is not `— name base64`");
  if (!line.startsWith("\u2014 ")) throw refused();
  const rest = line.slice(2);
  const space = rest.indexOf(" ");
  const name = rest.slice(0, space);
  if (space < 0 || !isKeyName(name)) throw refused();
  const bytes = fromBase64(rest.slice(space + 1));
  if (bytes.length < 5) throw refused();
  return { name, hash: bytes.slice(0, 4), signature: bytes.slice(4) };
}

/**
 * Verifies every signature that names the key, of which there must be one. For a timestamped key the earliest time is
 * returned, in seconds since 1970.
 */
export function verifyNote(note: Note, key: NoteKey): bigint | undefined {
  const hash = keyHash(key);
  const byKey = note.signatures.filter((line) => line.name === key.name && equal(line.hash, hash));
  if (byKey.length === 0) throw new Defect("note_unsigned", "no signature of the expected key");
  return byKey.map((line) => verifyLine(line, note.text, key)).reduce(earlier);
}

function earlier(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

function verifyLine({ signature }: SignatureLine, text: string, { kind, key }: NoteKey): bigint | undefined {
  const refused = () => new Defect("note_signature_invalid", "verification failed");
  if (kind === 1) {
    if (!signatureHolds(key, utf8(text), signature)) throw refused();
    return undefined;
  }
  if (signature.length !== 72) throw refused();
  const seconds = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
  const message = `cosignature/v1\ntime ${seconds}\n${text}`;
  if (!signatureHolds(key, utf8(message), signature.slice(8))) throw refused();
  return seconds;
}
