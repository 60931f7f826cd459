/** Whole ways through the console without a mouse. */

import { expect, settle, test, visit } from "./signed-in";

test("from the overview into a check and its evidence", async ({ app: page }) => {
  await settle(page);
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page.getByRole("heading", { name: "Sites", level: 1 })).toBeVisible();
  await expect(page.locator("main")).toBeFocused();
  await settle(page);
  await page.keyboard.press("/");
  await page.keyboard.type("lakeview");
  await expect(page.getByRole("row", { name: /Lakeview/ }).first()).toBeVisible();
  await expect(page.getByRole("row", { name: /Sunrise/ })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("row", { name: /Sunrise/ }).first()).toBeVisible();
  await settle(page);
  await page.locator("main").focus();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Site" })).toBeVisible();
  await expect(page.locator("main")).toBeFocused();
  await settle(page);
  await page.keyboard.press("j");
  const first = page.locator("main [data-row-link]").first();
  await expect(first).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(first).toHaveAttribute("aria-expanded", "true");
  await page.keyboard.press("j");
  await expect(first).not.toBeFocused();
  await page.keyboard.press("k");
  await expect(first).toBeFocused();
});

test("whoever is quicker than the page keeps their place", async ({ app: page }) => {
  // The second time there is nothing to wait for: the rows are there before the change of page is over.
  for (const address of ["/sites", "/audit"]) {
    await visit(page, address);
    await settle(page);
  }
  await expect(page.locator("main [data-row-link]")).toHaveCount(0);
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      const row = document.querySelector<HTMLElement>("main [data-row-link]");
      if (!row) return;
      observer.disconnect();
      row.focus();
    }).observe(document, { subtree: true, childList: true });
  });
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page.locator("main [data-row-link]").first()).toBeFocused();
  await settle(page);
  await page.waitForTimeout(500);
  await expect(page.locator("main [data-row-link]").first()).toBeFocused();
});

test("the palette finds a site and goes there", async ({ app: page }) => {
  await settle(page);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("cedar ridge");
  const option = page.getByRole("option", { name: /Cedar Ridge/ }).first();
  await expect(option).toBeVisible();
  await expect(option).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: /Cedar Ridge/ })).toBeVisible();
});

test("a slash goes to the filter of the page, and to the search where there is none", async ({ app: page }) => {
  await visit(page, "/incidents");
  await settle(page);
  await page.keyboard.press("/");
  await expect(page.getByRole("combobox", { name: "Search or jump to" })).toBeFocused();
  await page.keyboard.type("keyboard short");
  await expect(page.getByRole("option")).toHaveCount(1);
  await expect(page.getByRole("status").filter({ hasText: "result" })).toHaveText("1 result");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText("The filter of this page; without one, search");
});

test("single letters can be switched off", async ({ app: page }) => {
  await settle(page);
  await page.keyboard.press("?");
  await page.getByRole("checkbox").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeVisible();
});

test("the skip link leads to the content", async ({ app: page }) => {
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
});

test("times switch between relative and exact", async ({ app: page }) => {
  await page.goto("/audit");
  await settle(page);
  const time = page.locator("main time").first();
  const before = await time.textContent();
  await page.keyboard.press("t");
  await expect(time).not.toHaveText(before ?? "");
  await expect(time).toHaveText(/\d{4}/);
});
