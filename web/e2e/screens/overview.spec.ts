/** What the first page says of everything that needs somebody. */

import { expect, expectAccessible, settle, signIn, test } from "./signed-in";

test("a list that is cut says of how much, and the headline counts all of it", async ({ app: page }) => {
  const overview = await page.evaluate(async () => (await fetch("/api/overview")).json());
  // Of one and the same answer, whatever others do with the incidents meanwhile.
  await page.route(/\/api\/overview$/, (route) => route.fulfill({ json: overview }));
  await page.goto("/");
  await settle(page);
  expect(overview.attention_total).toBeGreaterThan(overview.attention.length);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${overview.attention_sites} sites need you now`);
  const panel = page.getByRole("region", { name: "Needs attention" });
  await panel.getByRole("button", { name: /more$/ }).click();
  await expect(panel.getByRole("listitem")).toHaveCount(overview.attention.length);
  await expect(panel).toContainText(`${overview.attention.length} of ${overview.attention_total}.`);
  await panel.getByRole("link", { name: "All open incidents" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Incidents");
});

test("a practice reads what is wrong, who acts on it, and where the proof is", async ({ page }) => {
  await signIn(page, "owner@northgate.example");
  await settle(page);
  const panel = page.getByRole("region", { name: "Needs attention" });
  await expect(panel).toContainText("Open a line to see what was measured, and the signed evidence of it.");
  const first = panel.getByRole("listitem").first();
  await expect(first).toContainText("Not as it should be: ");
  await expect(first).toContainText("our IT provider");
  await expect(page.locator("main")).not.toContainText(/runbook|healed by rules|rule matche/i);
  await expect(page.getByRole("region", { name: "Repairs" })).toContainText("Handed to your IT provider");
  await page.setViewportSize({ width: 390, height: 800 });
  await expectAccessible(page);
});
