/**
 * Verifies one evidence entry with its proof: the second, independent implementation of the format.
 *
 * Pure functions over what they are given: no fetch, no clock, no stored state. The steps, their order and the reasons are
 * those of `spec/evidence/README.md`; `spec/evidence/vectors` holds this and the Rust implementation to the same
 * decisions. Not judged here: whether the signer's key was valid at this position and whether the chain before the entry is
 * whole; that takes the whole log and the auditor's tool.
 */

import { fromBase64Of, utf8 } from "./bytes";
import { type Checkpoint, originOf } from "./checkpoint";
import { type Envelope, parseEnvelope, verifyEnvelope } from "./envelope";
import { type PublicKey, publicKeyFromBase64 } from "./key";
import { type CheckpointKeys, followKeys, openCheckpointOf } from "./key-chain";
import { leafHash, verifyInclusion } from "./merkle";
import { parseNoteKey } from "./note";
import { Defect, type Reason } from "./reasons";
import { brokenRules } from "./rules";
import { parseStatement, type Statement } from "./statement";

export interface EntryProof {
  /** The entry, byte for byte. */
  envelope: Uint8Array;
  /** Its position in the log. */
  index: number;
  /** The hashes from the leaf to the root, in base64. */
  inclusionProof: readonly string[];
  /** The signed head that the proof leads to. */
  checkpointNote: string;
  /** The log's first key, as `name+hash+key`. */
  checkpointKey: string;
  /** The statements that lead from it to the log's later keys, each an envelope. */
  successors: readonly string[];
  /** The key that the log holds as the signer's, in base64. */
  signerKey: string;
  /** The log in question: `<installation>/evidence/<site>`. */
  expectedOrigin: string;
}

const titles = {
  keys: "The keys are sound",
  checkpoint: "The log's head carries the signature of the log",
  inclusion: "The entry stands at its position under that head",
  envelope: "The entry is a well-formed envelope",
  signature: "The signer's key made its signature",
  statement: "The envelope holds a well-formed statement",
  claims: "The statement belongs to this log and keeps its rules",
} as const;

export type StepName = keyof typeof titles;

export interface Step {
  name: StepName;
  title: string;
  ok: boolean;
  /** What was found, or what is wrong, or that an earlier step failed. */
  detail: string;
  /** Why it failed; `null` where it did not, or was not reached. */
  reason: Reason | null;
}

export interface EntryVerdict {
  /** Whether every step held. */
  ok: boolean;
  /** All steps, in order. Those behind a failed one are not taken and not ok. */
  steps: Step[];
  /** The signed head, where its step held: whether its time has come is for somebody with a clock to say. */
  head: Checkpoint | undefined;
}

/** How far a statement may be dated after the head that holds it, in microseconds. */
const clockTolerance = 300_000_000n;

/** What earlier steps hand to later ones. */
interface Found {
  checkpointKeys: CheckpointKeys;
  signerKey: PublicKey;
  head: Checkpoint;
  envelope: Envelope;
  payload: Uint8Array;
  statement: Statement;
}

type Take = (proof: EntryProof, found: Found) => string;

const takes: Record<StepName, Take> = {
  keys(proof, found) {
    const first = parseNoteKey(proof.checkpointKey);
    found.checkpointKeys = followKeys(first, proof.successors);
    found.signerKey = publicKeyFromBase64(proof.signerKey);
    const later = found.checkpointKeys.length - 1;
    const successors = later === 0 ? "" : later === 1 ? " and its successor" : ` and its ${later} successors`;
    return `checkpoint key ${first.name}${successors}`;
  },
  checkpoint(proof, found) {
    found.head = openCheckpointOf(found.checkpointKeys, utf8(proof.checkpointNote), proof.expectedOrigin);
    const signed = new Date(Number(found.head.signedAt) * 1000).toISOString().replace(".000Z", "Z");
    return `${found.head.size} entries, signed ${signed}`;
  },
  inclusion(proof, { head }) {
    const hashes = proof.inclusionProof.map((hash) => fromBase64Of(hash, 32, "proof_length"));
    verifyInclusion(proof.index, head.size, leafHash(proof.envelope), hashes, head.root);
    return `position ${proof.index}, ${hashes.length} hashes to the root`;
  },
  envelope(proof, found) {
    found.envelope = parseEnvelope(proof.envelope);
    return `${proof.envelope.length} bytes`;
  },
  signature(_, found) {
    found.payload = verifyEnvelope(found.envelope, found.signerKey);
    return `Ed25519, key ${found.envelope.keyId}`;
  },
  statement(_, found) {
    found.statement = parseStatement(found.payload);
    return `${found.statement.body.kind}, number ${found.statement.header.seq} of its signer`;
  },
  claims(_, { statement, head }) {
    const { installation, site, ended } = statement.header;
    if (originOf(installation, site) !== head.origin) throw new Defect("wrong_site", "the statement names another log");
    const [broken] = brokenRules(statement);
    if (broken) throw new Defect(broken, statement.body.kind);
    if (ended > head.signedAt * 1_000_000n + clockTolerance) {
      throw new Defect("time_after_checkpoint", "more than five minutes later");
    }
    return head.origin;
  },
};

export function verifyEntry(proof: EntryProof): EntryVerdict {
  const found = {} as Found;
  const steps: Step[] = [];
  let ok = true;
  for (const name of Object.keys(titles) as StepName[]) {
    const step: Taken = ok ? take(name, proof, found) : notTaken;
    steps.push({ name, title: titles[name], ...step });
    ok = step.ok;
  }
  return { ok, steps, head: found.head };
}

type Taken = Omit<Step, "name" | "title">;

const notTaken: Taken = { ok: false, detail: "not checked, because an earlier step failed", reason: null };

function take(name: StepName, proof: EntryProof, found: Found): Taken {
  try {
    return { ok: true, detail: takes[name](proof, found), reason: null };
  } catch (error) {
    if (!(error instanceof Defect)) throw error;
    return { ok: false, detail: `${error.message} (${error.detail})`, reason: error.reason };
  }
}
