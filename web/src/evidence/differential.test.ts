/**
 * Random mutations of sound texts, decided by the Rust implementation and here: they must agree on every one.
 *
 * A thousand cases are committed. For more, write them first and they are found:
 * `EVIDENCE_CASES=10000 cargo test -p proofline-evidence --test corpus -- --ignored many_generated`
 */

import { describe, expect, it } from "vitest";
import generated from "../../../spec/evidence/vectors/generated.json?raw";
import { concat, fromBase64, utf8 } from "./bytes";
import { openCheckpoint } from "./checkpoint";
import { parseEnvelope, verifyEnvelope } from "./envelope";
import { publicKey, publicKeyFromBase64, signatureHolds } from "./key";
import { parseNoteKey } from "./note";
import { Defect } from "./reasons";
import { brokenRules } from "./rules";
import { parseStatement } from "./statement";
import { verifyEntry } from "./verify-entry";

interface Input {
  envelope: string;
  index: number;
  inclusion_proof: string[];
  checkpoint_note: string;
  checkpoint_key: string;
  successors: string[];
  signer_key: string;
  expected_origin: string;
}

type Base = { text: string } & (
  | { layer: "statement" }
  | { layer: "envelope"; signer_key: string }
  | { layer: "checkpoint"; key: string; origin: string }
  | { layer: "signature" }
  | { layer: "entry"; field: Exclude<keyof Input, "index" | "successors">; input: Input }
);

type Edit = [at: number, remove: number, insert: string];
type Case = [base: number, edits: Edit[], decision: string];

function apply(text: string, edits: readonly Edit[]): Uint8Array {
  return edits.reduce(
    (bytes, [at, remove, insert]) => concat(bytes.subarray(0, at), fromBase64(insert), bytes.subarray(at + remove)),
    utf8(text),
  );
}

function decide(base: Base, bytes: Uint8Array): string {
  if (base.layer === "entry") return decideEntry(base.field, base.input, new TextDecoder().decode(bytes));
  try {
    return `+${accept(base, bytes)}`;
  } catch (error) {
    if (error instanceof Defect) return error.reason;
    throw error;
  }
}

function accept(base: Exclude<Base, { layer: "entry" }>, bytes: Uint8Array): string {
  switch (base.layer) {
    case "statement":
      return brokenRules(parseStatement(bytes)).join(",");
    case "envelope":
      verifyEnvelope(parseEnvelope(bytes), publicKeyFromBase64(base.signer_key));
      return "";
    case "checkpoint":
      return String(openCheckpoint(bytes, parseNoteKey(base.key), base.origin).size);
    case "signature": {
      const hex = new TextDecoder().decode(bytes);
      const raw = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
      const key = publicKey(raw.slice(0, 32));
      if (!signatureHolds(key, raw.slice(96), raw.slice(32, 96))) throw new Defect("signature_invalid", "");
      return "";
    }
  }
}

function decideEntry(field: Exclude<keyof Input, "index" | "successors">, input: Input, text: string): string {
  const changed: Input =
    field === "inclusion_proof"
      ? { ...input, inclusion_proof: input.inclusion_proof.with(0, text) }
      : { ...input, [field]: text };
  const { steps } = verifyEntry({
    envelope: utf8(changed.envelope),
    index: changed.index,
    inclusionProof: changed.inclusion_proof,
    checkpointNote: changed.checkpoint_note,
    checkpointKey: changed.checkpoint_key,
    successors: changed.successors,
    signerKey: changed.signer_key,
    expectedOrigin: changed.expected_origin,
  });
  const failed = steps.find((step) => !step.ok);
  return failed ? `${failed.name}/${failed.reason}` : "+";
}

// The longer list, where somebody wrote it.
const longer = import.meta.glob<string>("../../../target/tmp/evidence-differential.json", {
  eager: true,
  query: "?raw",
  import: "default",
});

describe.each([["committed", generated] as const, ...Object.entries(longer)])("%s", (_, text) => {
  const { bases, cases } = JSON.parse(text) as { bases: Base[]; cases: Case[] };

  it(`agrees on all ${cases.length} cases`, { timeout: 600_000 }, () => {
    const differing = cases.flatMap(([place, edits, decision]) => {
      const base = bases[place];
      if (!base) throw new Error(`no base ${place}`);
      const here = decide(base, apply(base.text, edits));
      return here === decision ? [] : [{ place, edits, there: decision, here }];
    });
    expect(differing).toEqual([]);
    expect(cases.length).toBeGreaterThanOrEqual(1_000);
  });
});
