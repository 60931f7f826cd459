/** What stands between a session and the app. */

import type { Session } from "../api/types";

type Step = "app" | "prove" | "enrol";

/**
 * A session that a password began goes on with a second factor: one that is there, or a first one.
 * Who has one that the policy does not take any more gives it first, then sets up one that it takes.
 */
export function nextStep(
  { assurance, factors, stepped_up_until: proved }: Pick<Session, "assurance" | "factors" | "stepped_up_until">,
  now: number = Date.now(),
): Step {
  if (assurance === "full") return "app";
  const some = factors.totp || factors.passkeys > 0;
  const fresh = proved != null && Date.parse(proved) > now;
  return some && !fresh ? "prove" : "enrol";
}

export type Proof = "passkey" | "code" | "recovery";

/** The proofs that this person can give, the easiest first. */
export function proofsOf({ factors }: Pick<Session, "factors">): Proof[] {
  const { totp, passkeys, recovery_codes_left: left } = factors;
  const proofs: [Proof, boolean][] = [
    ["passkey", passkeys > 0],
    ["code", totp],
    ["recovery", left > 0],
  ];
  return proofs.filter(([, possible]) => possible).map(([proof]) => proof);
}

/** The digits of what was typed or pasted, at most six: `123 456` and `123-456` are codes too. */
export const codeDigits = (text: string): string => text.replace(/\D/g, "").slice(0, 6);

/** An address of this site to go back to; anything else is the start page. */
export function safeReturn(address: string | null | undefined): string {
  if (!address || !/^\/(?![/\\])/.test(address) || /[\u0000-\u001f\\]/.test(address)) return "/";
  const { pathname, search, hash, origin } = new URL(address, "https://here.invalid");
  return origin === "https://here.invalid" ? pathname + search + hash : "/";
}
