/** What can be judged about one statement alone, beyond its form. */

import type { Reason } from "./reasons";
import type { Body, Statement } from "./statement";

/** The rules that the statement breaks, in order; empty for a sound one. */
export function brokenRules({ header, body }: Statement): Reason[] {
  const broken: Reason[] = [];
  const rule = (holds: boolean, reason: Reason) => {
    if (!holds) broken.push(reason);
  };
  rule(header.started <= header.ended, "time_reversed");
  rule(mayState(header.appliance !== null, body), "kind_not_allowed");
  switch (body.kind) {
    case "heal":
      rule(body.outcome !== "resolved" || body.after.verdict === "pass", "heal_unproven");
      rule(body.before.check === body.check && body.after.check === body.check, "heal_other_check");
      break;
    case "heartbeat":
      rule(body.unchangedSince < header.seq, "heartbeat_invalid");
      break;
    case "gap":
      rule(body.firstSeq <= body.lastSeq && body.lastSeq + 1 === header.seq && body.from <= body.to, "gap_invalid");
      break;
    case "key":
      rule((body.role === "appliance") === (body.holder !== null), "key_event_invalid");
      break;
    case "check_run":
    case "attestation":
    case "incident":
    case "server_fact":
      break;
  }
  return broken;
}

/** Appliances observe and heal; the server states keys and facts; both may attest and admit a gap. */
function mayState(isAppliance: boolean, body: Body): boolean {
  switch (body.kind) {
    case "check_run":
    case "heal":
    case "heartbeat":
    case "incident":
      return isAppliance;
    case "key":
    case "server_fact":
      return !isAppliance;
    case "gap":
    case "attestation":
      return true;
  }
}
