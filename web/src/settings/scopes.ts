/** The actions that a token may carry, by what they are about. */

import { humanise } from "../lib/format";

/** What a person does with a browser: no token does it. */
const notForTokens = /^(session|token|break_glass|provider|approval|grant|access|user|invitation|mail|key)\./;

interface ScopeGroup {
  subject: string;
  scopes: { action: string; word: string }[];
}

/** Never more than the person has who makes the token. */
export function scopeGroups(permissions: readonly string[]): ScopeGroup[] {
  const groups = new Map<string, ScopeGroup>();
  for (const action of permissions) {
    if (notForTokens.test(action)) continue;
    const [subject = "", verb = ""] = action.split(".");
    const group = groups.get(subject) ?? { subject: humanise(subject), scopes: [] };
    group.scopes.push({ action, word: humanise(verb) });
    groups.set(subject, group);
  }
  return [...groups.values()].sort((a, b) => a.subject.localeCompare(b.subject));
}
