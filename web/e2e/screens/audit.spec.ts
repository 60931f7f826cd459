/** The days that one filters by are those that the rows show. */

import { expect, settle, test, visit } from "./signed-in";

test.use({ timezoneId: "America/New_York" });

test("a day goes from midnight to midnight where the reader is", async ({ app: page }) => {
  // The last moment that was asked for, whatever day it is today.
  await page.route(/\/api\/audit\?/, async (route) => {
    const asked = new URL(route.request().url());
    const response = await route.fetch({ url: new URL("/api/audit?limit=1", asked).href });
    const { items } = await response.json();
    const at = asked.searchParams.get("to") ?? items[0].at;
    await route.fulfill({ response, json: { items: [{ ...items[0], at }], next_cursor: null } });
  });
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

test("two days that are chosen before the page has followed both count", async ({ app: page }) => {
  await visit(page, "/audit");
  await settle(page);
  await page.getByRole("group", { name: "Days" }).evaluate((group) => {
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
    for (const field of group.querySelectorAll("input")) {
      set?.call(field, "2026-11-29");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  await expect.poll(() => new URL(page.url()).searchParams.get("to")).toBe("2026-11-30T04:59:59Z");
  expect(new URL(page.url()).searchParams.get("from")).toBe("2026-11-29T05:00:00Z");
});
