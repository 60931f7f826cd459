/**
 * From "something changed" to the queries that are out of date. Changes of one burst are taken
 * together: a thousand appliances that come back at once cost one refetch of each list, not a
 * thousand.
 */

type Key = readonly unknown[];

const gatherMs = 1000;

export class Invalidator {
  private pending = new Map<string, Key>();
  private all = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly invalidate: (key: Key | undefined) => void;

  /** `invalidate` is called with a query key, or with nothing for every query. */
  constructor(invalidate: (key: Key | undefined) => void) {
    this.invalidate = invalidate;
  }

  take(event: string, data: string): void {
    if (event === "reset") this.all = true;
    else if (event === "change") {
      for (const key of keysOf(data)) this.pending.set(JSON.stringify(key), key);
    } else return;
    this.timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private flush(): void {
    const { all, pending } = this;
    this.all = false;
    this.pending = new Map();
    this.timer = undefined;
    if (all) this.invalidate(undefined);
    else for (const key of pending.values()) this.invalidate(key);
  }
}

/** The query keys behind one change; a change that cannot be read could be anything. */
export function keysOf(data: string): Key[] {
  let change: { topic?: unknown; site_id?: unknown; id?: unknown };
  try {
    change = JSON.parse(data) ?? {};
  } catch {
    return [["overview"], ["sites"], ["site"], ["incidents"], ["incident"], ["appliances"]];
  }
  const site: Key = typeof change.site_id === "string" ? ["site", change.site_id] : ["site"];
  switch (change.topic) {
    case "overview":
      return [["overview"]];
    case "site":
      return [["overview"], ["sites"], site];
    case "appliance":
      return [["overview"], ["appliances"], ["sites"], site];
    case "incident":
      return [
        ["overview"],
        ["incidents"],
        typeof change.id === "string" ? ["incident", change.id] : ["incident"],
        site,
      ];
    case "evidence":
      return [["overview"], ["sites"], site];
    default:
      return [["overview"], ["sites"], site, ["incidents"], ["appliances"]];
  }
}
