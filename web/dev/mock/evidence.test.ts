/** The mock's log is a real one: the browser's verifier accepts it, and everything that the posture shows is in it. */

import { describe, expect, it } from "vitest";
import { decode, resultFor } from "../../src/proof/statement.ts";
import { type Claim, verify } from "../../src/proof/verification.ts";
import { posture } from "./api.ts";
import { day, now } from "./clock.ts";
import { installation, logOf } from "./evidence.ts";
import { type Profile, type Site, sites } from "./fleet.ts";

const entryOf = (site: Site, index: number) => {
  const entry = logOf(site).entry(index);
  if (!entry) throw new Error("no such entry");
  return entry;
};
const failing = async (site: Site, index: number, claim?: Claim) => {
  const place = { installationId: installation.id, siteId: site.id, index };
  const { steps } = await verify(place, entryOf(site, index), claim, async (_, at) => entryOf(site, at));
  return steps.filter((step) => !step.ok);
};

const first = sites[0] as Site;

describe("an entry of every kind", () => {
  const kinds = new Set(logOf(first).entries.map((entry) => entry.row.kind));
  it.each([...kinds])("%s verifies", async (kind) => {
    const index = logOf(first).entries.findLastIndex((entry) => entry.row.kind === kind);
    expect(await failing(first, index)).toEqual([]);
  });
});

it("a log begins with the keys of the server, and its entries have the size that the format allows", () => {
  const { entries } = logOf(first);
  const keys = entries.slice(0, 3).map(({ body }) => body.kind === "key" && body.role);
  expect(keys).toEqual(["server_facts", "checkpoint", "appliance"]);
  expect(Math.max(...entries.map(({ envelope }) => envelope.length))).toBeLessThanOrEqual(32 * 1024);
});

const measuring: Profile[] = ["good", "mixed", "bad", "offline", "stale"];

describe.each(measuring)("the posture of a site that is %s", (profile) => {
  const site = sites.find((s) => s.profile === profile) as Site;
  const cells = posture(site, new URLSearchParams()).controls.flatMap((control) => control.checks);

  it("is in the log, cell by cell", () => {
    expect(cells.length).toBeGreaterThan(0);
    for (const cell of cells) {
      const predicate = decode(entryOf(site, cell.entry_index ?? -1).envelope_base64)?.predicate;
      expect(predicate?.asset).toBe(cell.asset_id);
      expect(predicate && resultFor(predicate.body, cell.check_id)).toMatchObject({
        verdict: cell.verdict,
        observed: cell.observed,
        expected: cell.expected,
      });
    }
  });

  it("verifies, whatever the verdict", async () => {
    for (const verdict of new Set(cells.map((cell) => cell.verdict))) {
      const cell = cells.find((c) => c.verdict === verdict) as (typeof cells)[number];
      expect(cell.confirmed_index).toBeGreaterThan(cell.entry_index ?? -1);
      expect(await failing(site, cell.entry_index as number, claimOf(cell))).toEqual([]);
    }
  });

  it("verifies as it was some days ago", async () => {
    const asOf = new Date(now() - 4 * day).toISOString();
    const [cell] = posture(site, new URLSearchParams({ as_of: asOf })).controls.flatMap((control) => control.checks);
    expect(await failing(site, cell?.entry_index as number, claimOf(cell as (typeof cells)[number]))).toEqual([]);
  });
});

const claimOf = (cell: ReturnType<typeof posture>["controls"][number]["checks"][number]): Claim => ({
  assetId: cell.asset_id,
  checkId: cell.check_id,
  verdict: cell.verdict,
  expected: cell.expected,
  observed: cell.observed,
  confirmedAt: cell.last_confirmed_at ?? null,
  confirmedIndex: cell.confirmed_index ?? -1,
});
