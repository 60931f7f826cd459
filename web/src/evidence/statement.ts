/** in-toto Statement v1 with Proofline's predicate, read strictly, field by field in the order of the specification. */

import { asInteger, Fields } from "./fields";
import { readJson, type Value } from "./json";
import { keyId, publicKeyFromBase64 } from "./key";
import { Defect } from "./reasons";
import { digest, free, id, name, oneOf, time } from "./words";

const maxStatementBytes = 24_000;
const maxSubjects = 16;
const maxResults = 256;
const maxSteps = 64;

export interface Header {
  installation: string;
  site: string;
  appliance: string | null;
  seq: number;
  started: bigint;
  ended: bigint;
}

export interface CheckResult {
  check: string;
  verdict: string;
}

/** What the rules need of each kind; the screens read the rest from the payload themselves. */
export type Body =
  | { kind: "check_run"; results: CheckResult[] }
  | { kind: "heal"; check: string; before: CheckResult; after: CheckResult; outcome: string }
  | { kind: "heartbeat"; unchangedSince: number }
  | { kind: "gap"; firstSeq: number; lastSeq: number; from: bigint; to: bigint }
  | { kind: "attestation" }
  | { kind: "incident" }
  | { kind: "key"; role: string; holder: string | null }
  | { kind: "server_fact" };

export interface Statement {
  header: Header;
  body: Body;
}

const verdict = oneOf("pass", "fail", "unknown", "error", "not_applicable");

export function parseStatement(bytes: Uint8Array): Statement {
  const statement = new Fields(readJson(bytes, maxStatementBytes), "statement");
  constant(statement, "_type", "https://in-toto.io/Statement/v1");
  const subjects = statement.list("subject", maxSubjects, subject);
  if (subjects.length === 0) throw new Defect("field_value", "`subject` is empty");
  constant(statement, "predicateType", "urn:proofline:evidence:v1");
  const predicate = new Fields(statement.take("predicate"), "predicate");
  statement.finish();
  const header = parseHeader(predicate);
  const body = parseBody(predicate.take("body"));
  predicate.finish();
  return { header, body };
}

function constant(fields: Fields, field: string, expected: string): void {
  if (fields.text(field) !== expected) throw new Defect("field_value", `\`${field}\` is not ${expected}`);
}

function subject(value: Value): void {
  const subject = new Fields(value, "subject");
  subject.parsed("name", name);
  const digests = new Fields(subject.take("digest"), "digest");
  digests.parsed("sha256", digest);
  digests.finish();
  subject.finish();
}

function parseHeader(predicate: Fields): Header {
  const installation = predicate.parsed("installation", id("inst"));
  const site = predicate.parsed("site", id("site"));
  const appliance = predicate.parsedNullable("appliance", id("app"));
  predicate.parsedNullable("asset", id("asset"));
  const seq = predicate.count("seq", 1);
  predicate.parsed("prev", digest);
  predicate.parsed("catalogue", digest);
  const started = predicate.parsed("started", time);
  const ended = predicate.parsed("ended", time);
  const offset = predicate.take("clock_offset_ms");
  if (offset !== null) asInteger(offset, "clock_offset_ms");
  return { installation, site, appliance, seq, started, ended };
}

function parseBody(value: Value): Body {
  const fields = new Fields(value, "body");
  const kind = fields.text("kind");
  const read = Object.hasOwn(readers, kind) ? readers[kind as keyof typeof readers] : undefined;
  if (!read) throw new Defect("field_value", "`kind` is not a known kind");
  const body = read(fields);
  fields.finish();
  return body;
}

const readers = {
  check_run(fields: Fields): Body {
    const results = fields.list("results", maxResults, checkResult);
    if (new Set(results.map((result) => result.check)).size !== results.length) {
      throw new Defect("field_value", "`results` names a check twice");
    }
    fields.parsedNullable("state", digest);
    return { kind: "check_run", results };
  },

  heal(fields: Fields): Body {
    fields.parsed("incident", id("inc"));
    const check = fields.parsed("check", name);
    fields.parsedNullable("rule", name);
    fields.parsed("runbook", name);
    fields.parsed("plan_digest", digest);
    fields.parsed("actor", name);
    fields.parsed("mode", name);
    const before = checkResult(fields.take("before"));
    fields.list("steps", maxSteps, step);
    const after = checkResult(fields.take("after"));
    const outcome = fields.parsed("outcome", oneOf("resolved", "not_effective", "failed", "rolled_back"));
    fields.parsedNullable("rollback", free);
    return { kind: "heal", check, before, after, outcome };
  },

  heartbeat(fields: Fields): Body {
    const unchangedSince = fields.count("unchanged_since", 1);
    fields.parsed("state", digest);
    return { kind: "heartbeat", unchangedSince };
  },

  gap(fields: Fields): Body {
    const firstSeq = fields.count("first_seq", 1);
    const lastSeq = fields.count("last_seq", 1);
    const from = fields.parsed("from", time);
    const to = fields.parsed("to", time);
    fields.parsed("reason", free);
    return { kind: "gap", firstSeq, lastSeq, from, to };
  },

  attestation(fields: Fields): Body {
    fields.parsed("statement", free);
    fields.parsed("by", free);
    return { kind: "attestation" };
  },

  incident(fields: Fields): Body {
    fields.parsed("incident", id("inc"));
    fields.parsed("check", name);
    fields.parsedNullable("from", name);
    fields.parsed("to", name);
    fields.parsed("actor", name);
    fields.parsed("cause", free);
    return { kind: "incident" };
  },

  key(fields: Fields): Body {
    fields.parsed("action", oneOf("enrolled", "revoked", "rotated"));
    const roles = oneOf("appliance", "server_facts", "checkpoint", "orders", "rules", "cosigner");
    const role = fields.parsed("role", roles);
    const key = publicKeyFromBase64(fields.text("public_key"));
    const named = fields.parsed("key_id", digest);
    const holder = fields.parsedNullable("holder", id("app"));
    fields.parsed("reason", free);
    if (named !== keyId(key)) throw new Defect("field_value", "`key_id` is not the name of `public_key`");
    return { kind: "key", role, holder };
  },

  server_fact(fields: Fields): Body {
    fields.parsed("fact", name);
    fields.parsed("subject_id", name);
    fields.parsed("actor", name);
    fields.parsed("detail", free);
    return { kind: "server_fact" };
  },
};

function checkResult(value: Value): CheckResult {
  const result = new Fields(value, "result");
  const check = result.parsed("check", name);
  const found = result.parsed("verdict", verdict);
  for (const field of ["expected", "observed", "reason", "location"]) result.parsed(field, free);
  result.finish();
  return { check, verdict: found };
}

function step(value: Value): void {
  const step = new Fields(value, "step");
  step.parsed("step", name);
  step.parsed("outcome", oneOf("ok", "failed", "skipped"));
  step.parsed("detail", free);
  step.finish();
}
