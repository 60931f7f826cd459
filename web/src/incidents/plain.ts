/** Where an incident stands, for a practice: what happens, and who does it. The server's own words are for technicians. */

import type { IncidentState } from "../api/types";

const words: Record<IncidentState, string> = {
  open: "It is not as it should be. Your IT provider has to see that it is put right.",
  healing: "It is being repaired by itself at this moment.",
  verifying: "It was repaired. It is measured again before anybody calls it done.",
  awaiting_approval: "A repair is ready. Your IT provider decides when it runs.",
  escalated: "It is not as it should be. It was handed to a person at your IT provider.",
  suppressed: "It is not as it should be, and that was accepted for now.",
  resolved: "It was measured again, and is as it should be.",
  closed: "The machine or the check is gone: there is nothing to put right any more.",
};

/** A state that this version does not know is an open one. */
export const plainly = (state: string): string =>
  Object.hasOwn(words, state) ? words[state as IncidentState] : words.open;
