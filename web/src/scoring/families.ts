/** The five sections of the Security Rule, in words for a practice. */

import type { PostureControl } from "../api/types";

interface Family {
  section: string;
  title: string;
  plain: string;
}

const families: readonly Family[] = [
  { section: "164.308", title: "Administrative safeguards", plain: "how the practice organises security" },
  { section: "164.310", title: "Physical safeguards", plain: "rooms, workstations and media" },
  { section: "164.312", title: "Technical safeguards", plain: "what the machines enforce" },
  { section: "164.314", title: "Organisational requirements", plain: "agreements with vendors" },
  { section: "164.316", title: "Policies and documentation", plain: "what is written down and kept" },
];

const other: Family = { section: "", title: "Other", plain: "outside of these sections" };

/** Controls by section, in the order of the rule; nothing is dropped. */
export function byFamily(controls: readonly PostureControl[]): (Family & { controls: PostureControl[] })[] {
  return [...families, other]
    .map((family) => ({
      ...family,
      controls: controls.filter(
        (control) => (families.find(({ section }) => control.id.startsWith(`${section}(`)) ?? other) === family,
      ),
    }))
    .filter(({ controls: found }) => found.length > 0);
}
