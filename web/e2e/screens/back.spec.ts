/** What opens on top of a page is a step that Back takes back, and closing it is the same step. */

import type { Locator, Page } from "@playwright/test";
import { addresses, expect, settle, test, visit } from "./signed-in";

for (const [address, name] of [
  ["/appliances?status=online", "show"],
  ["/people?status=active", "show"],
] as const) {
  test(`Back closes a sheet and stays on the page: ${address}`, async ({ app: page }) => {
    await visit(page, "/system");
    await settle(page);
    await visit(page, address);
    await settle(page);
    const row = page.locator("main [data-row-link]").nth(1);
    const sheet = page.getByRole("dialog");
    await row.press("Enter");
    await expect(sheet).toBeVisible();
    expect(page.url()).toContain(`${name}=`);
    await page.goBack();
    await expect(sheet).toHaveCount(0);
    await expect(page).toHaveURL(address);
    await page.goForward();
    await expect(sheet).toBeVisible();
    // Twice in a hurry is once.
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await expect(sheet).toHaveCount(0);
    await expect(page).toHaveURL(address);
    await page.goBack();
    await expect(page).toHaveURL("/system");
  });
}

test("a sheet that one came to by its address closes in place", async ({ app: page }) => {
  const { "one of the people": person } = await addresses(page);
  await visit(page, person as string);
  await expect(page.getByRole("dialog").getByRole("button", { name: "Close" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page).toHaveURL("/people");
  await page.goBack();
  await expect(page).toHaveURL("/");
});

/** Opens the first control that has checks. */
async function unfold(page: Page): Promise<Locator> {
  await page
    .getByRole("button", { expanded: false, name: /of \d+ check/ })
    .first()
    .press("Enter");
  return page.locator("main button[aria-pressed][data-row-link]");
}

for (const width of [1440, 1024]) {
  test(`Back closes what explains a check, however many were looked at: ${width} px`, async ({ app: page }) => {
    await page.setViewportSize({ width, height: 900 });
    const { posture } = await addresses(page);
    await visit(page, posture as string);
    await settle(page);
    const checks = await unfold(page);
    const panel = page.getByRole(width === 1440 ? "complementary" : "dialog");
    const check = checks.first();
    await check.press("Enter");
    await expect(panel).toBeVisible();
    await page.getByRole("button", { name: "Close" }).press("Enter");
    await expect(panel).toHaveCount(0);
    await expect(check).toBeFocused();
    await check.press("Enter");
    if (width === 1440 && (await checks.count()) > 1) await checks.nth(1).press("Enter");
    await expect(panel).toBeVisible();
    await page.goBack();
    await expect(panel).toHaveCount(0);
    await expect(page).toHaveURL(posture as string);
  });
}

test("closing keeps the filter that was set meanwhile", async ({ app: page }) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  const { posture } = await addresses(page);
  await visit(page, posture as string);
  await settle(page);
  await (await unfold(page)).first().press("Enter");
  await expect(page.getByRole("complementary")).toBeVisible();
  await page.getByLabel("Filter controls and checks").fill("a");
  await expect(page).toHaveURL(/q=a/);
  await page.getByRole("complementary").getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("complementary")).toHaveCount(0);
  await expect(page).toHaveURL(`${posture}?q=a`);
});
