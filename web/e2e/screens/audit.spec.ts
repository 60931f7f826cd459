/** The days that one filters by are those that the rows show. */

import { expect, settle, test, visit } from "./signed-in";

test.use({ timezoneId: "America/New_York" });

test("a day goes from midnight to midnight where the reader is", async ({ app: page }) => {
  await visit(page, "/audit");
  await settle(page);
  await page.getByLabel("From").fill("2026-11-29");
  await page.getByLabel("to", { exact: true }).fill("2026-11-29");
  await expect.poll(() => new URL(page.url()).searchParams.get("from")).toBe("2026-11-29T05:00:00Z");
  await expect.poll(() => new URL(page.url()).searchParams.get("to")).toBe("2026-11-30T04:59:59Z");
  await expect(page.getByLabel("From")).toHaveValue("2026-11-29");
  await page.keyboard.press("Escape");
  await page.locator("main").focus();
  await page.keyboard.press("t");
  await settle(page);
  await expect(page.locator("main time").first()).toHaveText(/^29\sNov\s2026, \d\d:\d\d\s(GMT-5|EST)$/);
});
