/** What a cell says is held against signed entries, in this browser. */

import type { Page } from "@playwright/test";
import { expect, test, visit } from "./signed-in";

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
