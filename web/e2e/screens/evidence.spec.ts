/** What a cell says is held against signed entries, in this browser. */

import type { Page } from "@playwright/test";
import { expect, expectAccessible, expectNoOverflow, signIn, test, visit } from "./signed-in";

interface Check {
  asset_id: string;
  check_id: string;
  verdict: string;
  observed: string;
  last_confirmed_at: string;
}

/** The site that is worst off, and a cell for each verdict there is. */
async function cells(page: Page): Promise<{ site: string; byVerdict: Map<string, Check> }> {
  const { site, checks } = await page.evaluate(async () => {
    const get = (path: string) => fetch(path).then((response) => response.json());
    const site: string = (await get("/api/sites?limit=1")).items[0].id;
    const { controls } = await get(`/api/sites/${site}/posture`);
    return { site, checks: controls.flatMap((control: { checks: unknown[] }) => control.checks) as Check[] };
  });
  return { site, byVerdict: new Map(checks.map((check) => [check.verdict, check])) };
}

const open = (page: Page, site: string, check: Check) =>
  visit(page, `/sites/${site}?check=${check.check_id}&on=${check.asset_id}`);
const why = (page: Page) => page.getByRole("complementary", { name: "Why" });

test("every verdict is verified, with the entry that says it and the one that confirmed it", async ({ app: page }) => {
  const { site, byVerdict } = await cells(page);
  expect([...byVerdict.keys()]).toEqual(expect.arrayContaining(["pass", "fail"]));
  for (const check of byVerdict.values()) {
    await open(page, site, check);
    await expect(why(page).locator("code", { hasText: check.check_id })).toBeVisible();
    await expect(why(page).getByRole("status")).toHaveText("Verified in this browser");
  }
  await why(page)
    .getByRole("link", { name: /^entry \d/ })
    .click();
  await expect(page.getByText("Every step holds")).toBeVisible();
  await expect(page.getByText("Nothing changed since")).toBeVisible();
});

for (const [what, lie, step] of [
  ["a verdict", { verdict: "pass", observed: "as it should be" }, "The entry says what the screen says"],
  ["a time", { last_confirmed_at: "2099-01-01T00:00:00Z" }, "A verified entry confirms it at the time shown"],
] satisfies [string, Partial<Check>, string][]) {
  test(`${what} that nobody signed is not relied on`, async ({ app: page }) => {
    const { site, byVerdict } = await cells(page);
    const failing = byVerdict.get("fail") as Check;
    await page.route(/\/api\/.*\/posture/, async (route) => {
      const response = await route.fetch();
      const posture = await response.json();
      for (const { checks } of posture.controls as { checks: Check[] }[]) {
        for (const check of checks) {
          if (check.check_id === failing.check_id && check.asset_id === failing.asset_id) Object.assign(check, lie);
        }
      }
      await route.fulfill({ response, json: posture });
    });
    await open(page, site, failing);
    await expect(why(page).getByRole("status")).toHaveText("This evidence cannot be relied on");
    await expect(why(page).getByText(`${step}: does not hold`)).toBeVisible();
  });
}

test("no part of a result is cut off, however little room there is", async ({ app: page }) => {
  const { site, indices } = await page.evaluate(async () => {
    const get = (path: string) => fetch(path).then((response) => response.json());
    const site: string = (await get("/api/sites?limit=1")).items[0].id;
    const newest = async (kind: string): Promise<number> =>
      (await get(`/api/sites/${site}/evidence?kind=${kind}&limit=1`)).items[0].index;
    return { site, indices: [await newest("check_run"), await newest("heal")] };
  });
  for (const index of indices) {
    await visit(page, `/sites/${site}/evidence/${index}`);
    for (const width of [1440, 1280, 1024, 390]) {
      await page.setViewportSize({ width, height: 900 });
      const table = page.getByRole("table", { name: "Results" });
      await expect(table).toBeVisible();
      const where = `entry ${index} at ${width} px`;
      const room = await table.evaluate((table) => {
        const panel = (table.closest("section") as HTMLElement).getBoundingClientRect();
        const cells = [...table.querySelectorAll<HTMLElement>("tbody th, tbody td")];
        return {
          cut: cells
            .filter((cell) => cell.scrollWidth > cell.clientWidth || cell.getBoundingClientRect().right > panel.right)
            .map((cell) => cell.textContent),
          // What is read beside each other has room for a word; on a card each has a line of its own.
          narrowest: Math.min(...cells.map((cell) => cell.clientWidth)),
          card: getComputedStyle(table).display === "block",
        };
      });
      expect(room.cut, where).toEqual([]);
      expect(room.card, where).toBe(width < 1024);
      if (!room.card) expect(room.narrowest, where).toBeGreaterThanOrEqual(140);
      await expectNoOverflow(page);
    }
  }
});

test("beside the export stand the way to check it offline, and the key to compare", async ({ page }) => {
  await signIn(page, "viewer@northgate.example");
  const { measured, empty } = await page.evaluate(async () => {
    interface Site {
      id: string;
      appliance_status: string;
    }
    const sites: Site[] = (await (await fetch("/api/sites?limit=100")).json()).items;
    const { id } = sites.find((site) => site.appliance_status === "online") as Site;
    const entry = await (await fetch(`/api/sites/${id}/evidence/0`)).json();
    const without = sites.find((site) => site.appliance_status === "none") as Site;
    return { measured: { id, key: entry.checkpoint_key.vkey }, empty: without.id };
  });
  const log = page.getByRole("region", { name: "The log of this site" });
  await visit(page, `/sites/${measured.id}/evidence`);
  await expect(log).toContainText("proofline-verify FILE --checkpoint-key KEY");
  await expect(log).toContainText(measured.key);
  await page.setViewportSize({ width: 390, height: 800 });
  await expectAccessible(page);
  await visit(page, `/sites/${empty}/evidence`);
  await expect(log).toContainText("For the checkpoint key, ask whoever runs");
});
