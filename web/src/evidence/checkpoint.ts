/** Checkpoints (C2SP tlog-checkpoint): the size and root of a log, signed plainly and with the time. */

import { fromBase64Of } from "./bytes";
import { type NoteKey, parseNote, verifyNote } from "./note";
import { Defect } from "./reasons";

export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
  /** Seconds since 1970. */
  signedAt: bigint;
}

/** The end of the year 9999. */
const maxSeconds = 253_402_300_799n;

/** The origin of a site's log. */
export const originOf = (installation: string, site: string): string => `${installation}/evidence/${site}`;

/** Reads a note, verifies it with the log's key and compares the origin. */
export function openCheckpoint(bytes: Uint8Array, key: NoteKey, expectedOrigin: string): Checkpoint {
  const note = parseNote(bytes);
  verifyNote(note, { ...key, kind: 1 });
  const { origin, size, root } = parseText(note.text);
  if (origin !== expectedOrigin) throw new Defect("checkpoint_origin", `expected ${expectedOrigin}`);
  return { origin, size, root, signedAt: timeOf(() => verifyNote(note, { ...key, kind: 4 })) };
}

function timeOf(verify: () => bigint | undefined): bigint {
  const timeless = () => new Defect("checkpoint_time_missing", "no timestamped signature of the log's key");
  try {
    const seconds = verify();
    if (seconds === undefined || seconds > maxSeconds) throw timeless();
    return seconds;
  } catch (error) {
    throw error instanceof Defect && error.reason === "note_unsigned" ? timeless() : error;
  }
}

function parseText(text: string): Omit<Checkpoint, "signedAt"> {
  const refused = (detail: string) => new Defect("checkpoint_malformed", detail);
  const [origin, size, root, end, ...rest] = text.split("\n");
  if (origin === undefined || size === undefined || root === undefined || end !== "" || rest.length > 0) {
    throw refused("expected three lines");
  }
  if (origin === "") throw refused("the origin is empty");
  if (!/^(?:0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw refused("the size is not a plain number");
  }
  return { origin, size: Number(size), root: fromBase64Of(root, 32, "checkpoint_malformed") };
}
