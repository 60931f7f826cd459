/** The actions that a token may carry, by what they are about. */

import { humanise } from "../lib/format";

interface ScopeGroup {
  subject: string;
  scopes: { action: string; word: string }[];
}

export function scopeGroups(actions: readonly string[]): ScopeGroup[] {
  const groups = new Map<string, ScopeGroup>();
  for (const action of actions) {
    const [subject = "", verb = ""] = action.split(".");
    const group = groups.get(subject) ?? { subject: humanise(subject), scopes: [] };
    group.scopes.push({ action, word: humanise(verb) });
    groups.set(subject, group);
  }
  return [...groups.values()].sort((a, b) => a.subject.localeCompare(b.subject));
}
