/** The vectors that this and the Rust implementation share. A disagreement is a finding, in one of them or in the format. */

import { describe, expect, it } from "vitest";
import checkpoints from "../../../spec/evidence/vectors/checkpoints.json";
import ed25519 from "../../../spec/evidence/vectors/ed25519.json";
import entries from "../../../spec/evidence/vectors/entries.json";
import envelopes from "../../../spec/evidence/vectors/envelopes.json";
import json from "../../../spec/evidence/vectors/json.json";
import named from "../../../spec/evidence/vectors/reasons.json";
import statements from "../../../spec/evidence/vectors/statements.json";
import successors from "../../../spec/evidence/vectors/successors.json";
import { fromBase64, toHex, utf8 } from "./bytes";
import { openCheckpoint } from "./checkpoint";
import { parseEnvelope, verifyEnvelope } from "./envelope";
import { readJson, type Value } from "./json";
import { followKeys, openCheckpointOf } from "./key-chain";
import { publicKey, publicKeyFromBase64, signatureHolds } from "./key";
import { verifyConsistency, verifyInclusion } from "./merkle";
import { parseNoteKey } from "./note";
import { Defect, reasons } from "./reasons";
import { brokenRules } from "./rules";
import { parseStatement } from "./statement";
import { verifyEntry } from "./verify-entry";

/** The reason of a refusal; `null` for what is accepted. Anything but a defect is a bug and fails the test. */
function reasonOf(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof Defect) return error.reason;
    throw error;
  }
}

const fromHex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

describe("reasons", () => {
  it.each(Object.entries(reasons))("%s has the sentence of the specification", (code, sentence) => {
    expect(named.cases.find((reason) => reason.code === code)?.sentence).toBe(sentence);
  });
});

describe("ed25519", () => {
  it.each(ed25519.cases)("$name", (vector) => {
    const decide = () => {
      const key = publicKey(fromHex(vector.public_key));
      if (!signatureHolds(key, fromHex(vector.message), fromHex(vector.signature))) throw new Defect("signature_invalid", "");
    };
    expect(reasonOf(decide)).toBe(vector.reason);
  });
});

describe("strict JSON", () => {
  /** As the vectors spell it: an object is the list of its members. */
  const generic = (value: Value): unknown => {
    if (value instanceof Map) return { members: [...value].map(([key, member]) => [key, generic(member)]) };
    return Array.isArray(value) ? value.map(generic) : value;
  };

  interface Vector {
    name: string;
    text?: string;
    base64?: string;
    reason: string | null;
    value?: unknown;
  }

  it.each(json.cases as Vector[])("$name", ({ text, base64, reason, value }) => {
    const bytes = text === undefined ? fromBase64(base64 ?? "") : utf8(text);
    expect(reasonOf(() => readJson(bytes, 1000))).toBe(reason);
    if (reason === null) expect(generic(readJson(bytes, 1000))).toEqual(value);
  });
});

describe("statements", () => {
  interface Vector {
    name: string;
    text?: string;
    base?: string;
    replace?: [string, string][];
    reason?: string | null;
    broken_rules: string[];
  }
  const cases = statements.cases as unknown as Vector[];
  const sound = new Map(cases.flatMap(({ name, text }) => (text === undefined ? [] : [[name, text] as const])));

  function textOf(vector: Vector): string {
    let text = vector.text ?? sound.get(vector.base ?? "") ?? "";
    for (const [from, to] of vector.replace ?? []) {
      expect(text).toContain(from);
      text = text.replace(from, () => to);
    }
    return text;
  }

  it.each(cases)("$name", (vector) => {
    const bytes = utf8(textOf(vector));
    const reason = vector.reason ?? null;
    expect(reasonOf(() => parseStatement(bytes))).toBe(reason);
    if (reason === null) expect(brokenRules(parseStatement(bytes))).toEqual(vector.broken_rules);
  });
});

describe("envelopes", () => {
  it.each(envelopes.cases)("$name", ({ envelope, signer_key, reason }) => {
    const key = publicKeyFromBase64(signer_key);
    expect(reasonOf(() => verifyEnvelope(parseEnvelope(utf8(envelope)), key))).toBe(reason);
  });
});

describe("checkpoints", () => {
  interface Vector {
    name: string;
    note: string;
    key: string;
    origin: string;
    reason: string | null;
    size?: number;
    root?: string;
    signed_at?: string;
  }

  it.each(checkpoints.cases as Vector[])("$name", ({ note, key, origin, reason, size, root, signed_at }) => {
    const open = () => openCheckpoint(utf8(note), parseNoteKey(key), origin);
    expect(reasonOf(open)).toBe(reason);
    if (reason !== null) return;
    const opened = open();
    const signedAt = new Date(Number(opened.signedAt) * 1000).toISOString().replace(".000Z", "Z");
    expect([opened.size, toHex(opened.root), signedAt]).toEqual([size, root, signed_at]);
  });
});

describe("successors of checkpoint keys", () => {
  it.each(successors.cases)("$name", ({ first_key, successors, note, origin, signer, reason }) => {
    const open = () => openCheckpointOf(followKeys(parseNoteKey(first_key), successors), utf8(note), origin);
    expect(reasonOf(open)).toBe(reason);
    if (reason === null) expect(open().signer).toBe(signer);
  });
});

describe("entries", () => {
  it.each(entries.cases)("$name", ({ input, failed_step, reason }) => {
    const verdict = verifyEntry({
      envelope: utf8(input.envelope),
      index: input.index,
      inclusionProof: input.inclusion_proof,
      checkpointNote: input.checkpoint_note,
      checkpointKey: input.checkpoint_key,
      successors: input.successors,
      signerKey: input.signer_key,
      expectedOrigin: input.expected_origin,
    });
    const failed = verdict.steps.find((step) => !step.ok);
    expect([failed?.name ?? null, failed?.reason ?? null]).toEqual([failed_step, reason]);
    expect(verdict.ok).toBe(failed_step === null);
    expect(verdict.steps.map((step) => step.name)).toEqual([
      "keys",
      "checkpoint",
      "inclusion",
      "envelope",
      "signature",
      "statement",
      "claims",
    ]);
  });
});

describe("published Merkle proofs", () => {
  const hash = (text: string): Uint8Array => {
    const bytes = fromBase64(text);
    if (bytes.length !== 32) throw new Defect("proof_length", "not a hash");
    return bytes;
  };

  interface Inclusion {
    leafIdx: number;
    treeSize: number;
    root: string;
    leafHash: string;
    proof: string[] | null;
    wantErr: boolean;
  }
  const inclusion = import.meta.glob<Inclusion>("../../../spec/evidence/vectors/rfc6962/inclusion/**/*.json", {
    eager: true,
    import: "default",
  });

  it.each(Object.entries(inclusion))("%s", (_, vector) => {
    const proof = (vector.proof ?? []).map((text) => () => hash(text));
    const decide = () =>
      verifyInclusion(
        vector.leafIdx,
        vector.treeSize,
        hash(vector.leafHash),
        proof.map((read) => read()),
        hash(vector.root),
      );
    expect(reasonOf(decide) !== null).toBe(vector.wantErr);
  });

  interface Consistency {
    size1: number;
    size2: number;
    root1: string;
    root2: string;
    proof: string[] | null;
    wantErr: boolean;
  }
  const consistency = import.meta.glob<Consistency>("../../../spec/evidence/vectors/rfc6962/consistency/**/*.json", {
    eager: true,
    import: "default",
  });

  it.each(Object.entries(consistency))("%s", (_, vector) => {
    // A few of these use placeholders of another length where any two equal (or different) roots would do.
    const decide = () =>
      verifyConsistency(
        vector.size1,
        vector.size2,
        fromBase64(vector.root1),
        fromBase64(vector.root2),
        (vector.proof ?? []).map(hash),
      );
    expect(reasonOf(decide) !== null).toBe(vector.wantErr);
  });

  it("are all there", () => {
    expect([Object.keys(inclusion).length, Object.keys(consistency).length]).toEqual([98, 98]);
  });
});

describe("base64", () => {
  it("comes back whatever the length", () => {
    for (let length = 0; length < 70; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length) & 0xff);
      expect(fromBase64(btoa(String.fromCharCode(...bytes)))).toEqual(bytes);
    }
  });

  it.each(["A", "AA", "AAA", "AB==", "AAB=", "A===", "====", "AA=A", "AA==AA==", "AAA ", "AAA\n", "AA-_", "ÄAAA"])("refuses %j", (text) => {
    expect(reasonOf(() => fromBase64(text))).toBe("base64_not_canonical");
  });
});
