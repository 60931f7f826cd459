/** What the first page says of everything that needs somebody. */

import { expect, settle, test } from "./signed-in";

test("a list that is cut says of how much, and the headline counts all of it", async ({ app: page }) => {
  await settle(page);
  const overview = await page.evaluate(async () => (await fetch("/api/overview")).json());
  expect(overview.attention_total).toBeGreaterThan(overview.attention.length);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${overview.attention_sites} sites need you now`);
  const panel = page.getByRole("region", { name: "Needs attention" });
  await panel.getByRole("button", { name: /more$/ }).click();
  await expect(panel.getByRole("listitem")).toHaveCount(overview.attention.length);
  await expect(panel).toContainText(`${overview.attention.length} of ${overview.attention_total}.`);
  await panel.getByRole("link", { name: "All open incidents" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Incidents");
});
