/** Addresses that somebody typed, or that are older than the page. */

import { addresses, expect, settle, test, visit } from "./signed-in";

test("a filter that does not exist is no filter", async ({ app: page }) => {
  await visit(page, "/incidents?state=bogus&severity=nonsense");
  await settle(page);
  await expect(page.locator("main").getByRole("alert")).toHaveCount(0);
  await expect(page.getByLabel("State")).toHaveValue("");
  await expect(page.locator("main [data-row-link]").first()).toBeVisible();
});

test("an entry that cannot exist is not found", async ({ app: page }) => {
  const known = await addresses(page);
  await page.goto(known["evidence entry"]!.replace(/1$/, "abc"));
  await expect(page.getByRole("heading", { level: 1, name: "Not found" })).toBeVisible();
  await expect(page.getByText("NaN")).toHaveCount(0);
});
