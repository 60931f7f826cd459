/**
 * Connects an entry from the API to the verifier: which log it must be, which key, and whether
 * that key was in force at its position. The verifier is loaded only when there is something to
 * verify.
 */

import type { EvidenceEntry } from "../api/types";
import { fetchEntry } from "./queries";
import { type Body, bytesOf, decode, type ObservedResult } from "./statement";

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
export interface Log {
  installationId: string;
  siteId: string;
}

type EntryReader = (siteId: string, index: number) => Promise<EvidenceEntry>;

/** Every step for one entry. Rejects only when what the steps need cannot be fetched. */
export async function verify(log: Log, entry: EvidenceEntry, read: EntryReader = fetchEntry): Promise<Verification> {
  const own = await verifyAlone(log, entry);
  const enrolment = await enrolmentStep(log, entry, read);
  // The key comes right after its signature, before what the statement says.
  const after = own.steps.findIndex(({ name }) => name === "signature") + 1;
  const steps: Step[] = [...own.steps.slice(0, after), enrolment, ...own.steps.slice(after)];
  return { ok: own.ok && enrolment.ok, steps };
}

async function verifyAlone({ installationId, siteId }: Log, entry: EvidenceEntry) {
  const [{ verifyEntry }, { noteKeyText }] = await Promise.all([
    import("../evidence/verify-entry"),
    import("../evidence/note"),
  ]);
  return verifyEntry({
    envelope: bytesOf(entry.envelope_base64),
    index: entry.index,
    inclusionProof: entry.inclusion_proof,
    checkpointNote: entry.checkpoint.note,
    checkpointKey: noteKeyText(entry.checkpoint_key.name, entry.checkpoint_key.public_key_base64),
    signerKey: entry.key.public_key_base64,
    expectedOrigin: `${installationId}/evidence/${siteId}`,
  });
}

const title = "The signer's key was in force at this position";
const holds = (detail: string): Step => ({ title, ok: true, detail });
const fails = (detail: string): Step => ({ title, ok: false, detail });

/** Whether the log itself says that this key was the signer's: an earlier, verified entry of the server. */
async function enrolmentStep(log: Log, entry: EvidenceEntry, read: EntryReader): Promise<Step> {
  const { key, index } = entry;
  if (key.revoked_index != null && key.revoked_index < index) return fails(`revoked at entry ${key.revoked_index}`);
  if (key.enrolled_index == null) {
    return key.role === "appliance"
      ? fails("no entry of the log enrols this key")
      : holds("the server's own key; compare it with the one in the settings");
  }
  if (key.enrolled_index === index) return holds("this entry states the key itself");
  if (key.enrolled_index > index) return fails(`enrolled only later, at entry ${key.enrolled_index}`);

  const enrolling = await read(log.siteId, key.enrolled_index);
  const verdict = await verifyAlone(log, enrolling);
  if (!verdict.ok) return fails(`entry ${key.enrolled_index}, which enrols it, does not verify`);
  if (enrolling.key.role !== "server_facts")
    return fails(`entry ${key.enrolled_index} is not a statement of the server`);
  const body = decode(enrolling.envelope_base64)?.predicate.body;
  if (!body || !enrols(body, entry)) return fails(`entry ${key.enrolled_index} does not enrol this key`);
  return holds(`enrolled at entry ${key.enrolled_index}, which verifies`);
}

function enrols(body: Body, { key }: EvidenceEntry): boolean {
  return (
    body.kind === "key" &&
    (body.action === "enrolled" || body.action === "rotated") &&
    body.key_id === key.key_id &&
    body.public_key === key.public_key_base64 &&
    body.role === key.role &&
    body.holder === (key.holder ?? null)
  );
}

/** What the screen says about a check, to be held against what the signed statement says. */
export interface Claim {
  checkId: string;
  verdict: string;
}

/** The last step: the statement says what the screen says. One that does not name the check only confirms. */
export function claimStep(claim: Claim, said: ObservedResult | undefined): Step | undefined {
  if (!said) return undefined;
  const ok = said.verdict === claim.verdict;
  return {
    title: "The entry says what the screen says",
    ok,
    detail: ok ? `${claim.checkId}: ${said.verdict}` : `the signed statement says ${said.verdict} for ${claim.checkId}`,
  };
}
