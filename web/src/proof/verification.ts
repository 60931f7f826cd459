/**
 * Connects an entry from the API to the verifier: which log and position it must have, which key,
 * whether that key was in force there, and whether what is signed is what the screen says. The
 * verifier is loaded only when there is something to verify.
 *
 * Believed, because one entry cannot prove it: the public key of the log, that the server keeps back
 * no revocation and no later entry, and what the digest in a heartbeat sums up.
 */

import type { EvidenceEntry } from "../api/types";
import type { EntryVerdict, StepName } from "../evidence/verify-entry";
import { fetchEntry } from "./queries";
import { type Body, bytesOf, decode, type Predicate, resultFor } from "./statement";

export interface Step {
  title: string;
  ok: boolean;
  detail: string;
}

export interface Verification {
  ok: boolean;
  steps: Step[];
}

/** The log that an entry must belong to; from the session and the address, never from the entry. */
interface Log {
  installationId: string;
  siteId: string;
}

/** The position at which it must stand; from the address too. */
export interface Place extends Log {
  index: number;
}

/** What the screen says about a check, to be held against what is signed. */
export interface Claim {
  assetId: string;
  checkId: string;
  verdict: string;
  expected: string;
  observed: string;
  /** When it was last confirmed, and by which entry. */
  confirmedAt: string | null;
  confirmedIndex: number;
}

type EntryReader = (siteId: string, index: number) => Promise<EvidenceEntry>;

/** How far the clocks of signers, server and browser may be apart, in milliseconds. */
const tolerance = 5 * 60_000;

/** Every step for one entry and what the screen says of it. Rejects only when what the steps need cannot be fetched. */
export async function verify(
  place: Place,
  entry: EvidenceEntry,
  claim?: Claim,
  read: EntryReader = fetchEntry,
  now: number = Date.now(),
): Promise<Verification> {
  const entries = new Entries(place, read, now);
  const own = await entries.check(place.index, entry);
  const steps = [...own.steps];
  if (claim) {
    const confirming = claim.confirmedIndex === place.index ? own : await entries.at(claim.confirmedIndex);
    steps.push(claimStep(claim, own.said), confirmationStep(claim, place.index, confirming.said));
  }
  return { ok: steps.every(({ ok }) => ok), steps };
}

/** An entry after its own steps. What it says is there only where every one holds. */
interface Checked {
  steps: Step[];
  said: Predicate | undefined;
}

/** The entries of one log, each fetched and verified once. */
class Entries {
  private readonly log: Log;
  private readonly read: EntryReader;
  private readonly now: number;
  private readonly known = new Map<number, Promise<Checked>>();

  constructor(log: Log, read: EntryReader, now: number) {
    this.log = log;
    this.read = read;
    this.now = now;
  }

  at(index: number): Promise<Checked> {
    const checked =
      this.known.get(index) ?? this.read(this.log.siteId, index).then((entry) => this.check(index, entry));
    this.known.set(index, checked);
    return checked;
  }

  async check(index: number, entry: EvidenceEntry): Promise<Checked> {
    const { verifyEntry } = await import("../evidence/verify-entry");
    const verdict = verifyEntry({
      envelope: bytesOf(entry.envelope_base64),
      index,
      inclusionProof: entry.inclusion_proof,
      checkpointNote: entry.checkpoint.note,
      checkpointKey: entry.checkpoint_key.vkey,
      successors: entry.checkpoint_successors,
      signerKey: entry.key.public_key_base64,
      expectedOrigin: `${this.log.installationId}/evidence/${this.log.siteId}`,
    });
    const predicate = decode(entry.envelope_base64)?.predicate;
    // Each comes right behind what it is about.
    const behind: Partial<Record<StepName, Step>> = {
      checkpoint: timeStep(verdict.head, this.now),
      signature: await this.enrolment(index, entry.key, predicate),
    };
    const steps = verdict.steps.flatMap((step): Step[] => [step, behind[step.name] ?? []].flat());
    return { steps, said: steps.every(({ ok }) => ok) ? predicate : undefined };
  }

  /** Whether the log itself says that this key was the signer's: an earlier, verified statement of the server. */
  private async enrolment(index: number, key: SignerKey, predicate: Predicate | undefined): Promise<Step> {
    const step = (ok: boolean, detail: string): Step => {
      return { title: "The signer's key was in force at this position", ok, detail };
    };
    if (!predicate) return step(false, "the envelope cannot be read");
    const { enrolled_index: enrolled, revoked_index: revoked } = key;
    if (!mayMake(key, predicate)) {
      const maker = predicate.appliance ?? "the server";
      return step(
        false,
        `the key is that of ${key.holder ?? "the server"} (${key.role}), the statement that of ${maker}`,
      );
    }
    if (enrolled == null) return step(false, "no entry of the log enrols this key");
    if (enrolled > index) return step(false, `enrolled only later, at entry ${enrolled}`);
    if (revoked != null && revoked < index) return step(false, `revoked at entry ${revoked}`);
    const standing = revoked == null ? "no revocation reported" : `reported as revoked later, at entry ${revoked}`;
    if (enrolled === index) {
      // A log begins with the server's own key. Whoever could state one later could be anybody.
      const begins = index === 0 && key.role === "server_facts" && enrols(predicate.body, key);
      return step(
        begins,
        begins ? `the log begins with it; ${standing}` : "an entry cannot enrol its own signer's key",
      );
    }
    const enrolling = await this.at(enrolled);
    if (!enrolling.said) return step(false, `entry ${enrolled}, which enrols it, does not verify`);
    if (!enrols(enrolling.said.body, key)) return step(false, `entry ${enrolled} does not enrol this key`);
    return step(true, `enrolled at entry ${enrolled}, which verifies; ${standing}`);
  }
}

type SignerKey = EvidenceEntry["key"];

/** An appliance's statements are made with its own key, all others with the server's key for statements. */
const mayMake = ({ role, holder }: SignerKey, { appliance }: Predicate): boolean =>
  appliance === null ? role === "server_facts" : role === "appliance" && holder === appliance;

function enrols(body: Body, key: SignerKey): boolean {
  return (
    body.kind === "key" &&
    (body.action === "enrolled" || body.action === "rotated") &&
    body.key_id === key.key_id &&
    body.public_key === key.public_key_base64 &&
    body.role === key.role &&
    body.holder === (key.holder ?? null)
  );
}

/** The verifier has no clock; this is the one that it lacks. */
function timeStep(head: EntryVerdict["head"], now: number): Step {
  const title = "That head is not dated in the future";
  if (!head) return { title, ok: false, detail: notTaken };
  const signed = Number(head.signedAt) * 1000;
  const ok = signed <= now + tolerance;
  return { title, ok, detail: `signed ${utc(signed)}, it is ${utc(now)} by this machine's clock` };
}

const utc = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");

const notTaken = "not checked, because an earlier step failed";

function claimStep(claim: Claim, said: Predicate | undefined): Step {
  const title = "The entry says what the screen says";
  if (!said) return { title, ok: false, detail: notTaken };
  const differing = difference(claim, said);
  return { title, ok: differing === undefined, detail: differing ?? `${claim.checkId}: ${claim.verdict}` };
}

/** Where the statement says something else than the screen. */
function difference(claim: Claim, { asset, body }: Predicate): string | undefined {
  if (asset !== claim.assetId) return `the signed statement is about ${asset ?? "no machine"}, not ${claim.assetId}`;
  const result = resultFor(body, claim.checkId);
  if (!result) return `the signed statement does not name ${claim.checkId}`;
  const field = (["verdict", "observed", "expected"] as const).find((name) => result[name] !== claim[name]);
  return field && `the signed ${field} of ${claim.checkId} is "${result[field]}", not "${claim[field]}"`;
}

function confirmationStep(claim: Claim, naming: number, said: Predicate | undefined): Step {
  const { confirmedIndex: index, confirmedAt } = claim;
  const step = (ok: boolean, detail: string): Step => {
    return { title: "A verified entry confirms it at the time shown", ok, detail: `entry ${index} ${detail}` };
  };
  if (!said) return step(false, "does not verify");
  if (index < naming) return step(false, `comes before entry ${naming}, which says it`);
  if (!confirms(claim, said)) return step(false, `does not confirm ${claim.checkId} on ${claim.assetId}`);
  const recent = Date.parse(said.ended) >= Date.parse(confirmedAt ?? "") - tolerance;
  return step(recent, `is of ${said.ended}${recent ? "" : `, the screen says ${confirmedAt ?? "nothing"}`}`);
}

/** Whether it says the same of the check, or speaks of the machine's whole state without naming the check. */
function confirms(claim: Claim, said: Predicate): boolean {
  const { asset, body } = said;
  if (difference(claim, said) === undefined) return true;
  const whole = body.kind === "heartbeat" || (body.kind === "check_run" && body.state !== null);
  return whole && asset === claim.assetId && resultFor(body, claim.checkId) === undefined;
}
