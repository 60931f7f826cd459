/**
 * Reads what an envelope says, to show it. Lenient on purpose: whether the bytes are what they
 * must be is decided by the verifier, never here.
 */

export interface ObservedResult {
  check?: string;
  verdict: string;
  expected: string;
  observed: string;
  reason: string;
  location: string;
}

export type Body =
  | { kind: "check_run"; results: ObservedResult[]; state: string | null }
  | {
      kind: "heal";
      incident: string;
      check: string;
      rule: string | null;
      runbook: string;
      plan_digest: string;
      actor: string;
      mode: string;
      before: ObservedResult;
      steps: { step: string; outcome: string; detail: string }[];
      after: ObservedResult;
      outcome: string;
      rollback: string | null;
    }
  | { kind: "heartbeat"; unchanged_since: number; state: string }
  | { kind: "gap"; first_seq: number; last_seq: number; from: string; to: string; reason: string }
  | { kind: "attestation"; statement: string; by: string }
  | { kind: "incident"; incident: string; check: string; from: string | null; to: string; actor: string; cause: string }
  | {
      kind: "key";
      action: string;
      role: string;
      public_key: string;
      key_id: string;
      holder: string | null;
      reason: string;
    }
  | { kind: "server_fact"; fact: string; subject_id: string; actor: string; detail: string };

export interface Predicate {
  installation: string;
  site: string;
  appliance: string | null;
  asset: string | null;
  seq: number;
  prev: string;
  catalogue: string;
  started: string;
  ended: string;
  clock_offset_ms: number | null;
  body: Body;
}

export interface Decoded {
  envelope: string;
  statement: unknown;
  predicate: Predicate;
}

export const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

const utf8 = (base64: string): string => new TextDecoder().decode(bytesOf(base64));

/** Decodes an envelope; `undefined` when it does not even have the outer shape. */
export function decode(envelopeBase64: string): Decoded | undefined {
  try {
    const envelope = utf8(envelopeBase64);
    const statement = JSON.parse(utf8(JSON.parse(envelope).payload));
    const predicate = statement.predicate;
    return typeof predicate?.body?.kind === "string" ? { envelope, statement, predicate } : undefined;
  } catch {
    return undefined;
  }
}

/** What the statement says about one check, when it names it. */
export function resultFor(body: Body, checkId: string): ObservedResult | undefined {
  if (body.kind === "check_run") return body.results.find((result) => result.check === checkId);
  if (body.kind === "heal" && body.check === checkId) return body.after;
  return undefined;
}
