/** What a person reads before deciding about an incident. */

import { expect, expectAccessible, signIn, test, visit } from "./signed-in";

test("a plan is read value by value before it is approved", async ({ app: page }) => {
  // The last of those that wait: what is decided elsewhere at the same time is the first.
  const { id, runbook } = await page.evaluate(async () => {
    const { items } = await (await fetch("/api/incidents?state=awaiting_approval&limit=100")).json();
    return (await fetch(`/api/incidents/${items.at(-1).id}`)).json();
  });
  await visit(page, `/incidents/${id}`);
  const panel = page.getByRole("region", { name: "The plan" });
  await expect(panel).toBeVisible();
  const dialog = page.getByRole("dialog");
  for (const place of [panel, dialog]) {
    // Behind an open dialog the page is hidden from whoever looks by role.
    if (place === dialog) await page.getByRole("button", { name: "Approve the plan" }).click();
    const steps = place.getByRole("list", { name: "Steps", includeHidden: true });
    await expect(steps.locator("li")).toHaveCount(runbook.steps.length);
    for (const { text, lines } of runbook.steps)
      for (const said of [text, ...lines]) await expect(steps).toContainText(said);
    await expect(place).toContainText(runbook.description);
    await expect(place).toContainText(runbook.rollback);
    await expect(place.getByText("It may interrupt work")).toHaveCount(runbook.disruptive ? 1 : 0);
  }
  await page.setViewportSize({ width: 390, height: 800 });
  await expectAccessible(page);
  await expect(dialog.getByRole("button", { name: "Approve and run" })).toBeVisible();
});

test("another explanation of the same state is no step of its own", async ({ app: page }) => {
  const id = await page.evaluate(async () => {
    const { items } = await (await fetch("/api/incidents?state=open&limit=100")).json();
    return items.find(({ state }: { state: string }) => state === "open").id;
  });
  await visit(page, `/incidents/${id}`);
  const rows = page.getByRole("region", { name: "Timeline" }).getByRole("listitem");
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText("Open");
  await expect(rows.last()).toContainText("no rule answers this check here · the agent");
  await expect(rows.last().getByText("Open", { exact: true })).toHaveCount(0);
});

test("whoever hands an incident to people is named in its timeline", async ({ app: page }) => {
  const id = await page.evaluate(async () => {
    const { items } = await (await fetch("/api/incidents?state=open&limit=100")).json();
    return items.findLast(({ state }: { state: string }) => state === "open").id;
  });
  await visit(page, `/incidents/${id}`);
  await page.getByRole("button", { name: "Escalate" }).click();
  await page.getByLabel("Why", { exact: true }).fill("The vendor has to change this");
  await page.getByRole("dialog").getByRole("button", { name: "Escalate" }).click();
  const last = page.getByRole("region", { name: "Timeline" }).getByRole("listitem").last();
  await expect(last).toContainText("The vendor has to change this · Maren Rausch");
  // Once is enough: the button makes room for when it was done.
  await expect(page.getByRole("button", { name: "Escalate" })).toHaveCount(0);
  await expect(page.getByText(/^Handed to people (now|just|\d)/)).toBeVisible();
});

test("without a runbook one panel says what a person has to set, and where", async ({ app: page }) => {
  const incident = await page.evaluate(async () => {
    const { items } = await (await fetch("/api/incidents?state=open&limit=100")).json();
    for (const { id } of items) {
      const detail = await (await fetch(`/api/incidents/${id}`)).json();
      if (detail.state === "open" && !detail.runbook) return detail;
    }
  });
  await visit(page, `/incidents/${incident.id}`);
  const panel = page.getByRole("region", { name: "A person has to fix this" });
  const { observed, expected, location } = incident.last_observation;
  for (const said of [observed, expected, location, incident.asset_name]) await expect(panel).toContainText(said);
  await expect(page.getByRole("region", { name: /Runbook|Why did nothing run/ })).toHaveCount(0);
  await expectAccessible(page);
});

test("a practice reads first in plain words what happens and who does it", async ({ page }) => {
  await signIn(page, "owner@northgate.example");
  const waiting = await page.evaluate(async () => {
    const { items } = await (await fetch("/api/incidents?state=suppressed&limit=1")).json();
    return items[0];
  });
  await visit(page, `/incidents/${waiting.id}`);
  const panel = page.getByRole("region", { name: "What happens now" });
  await expect(panel.locator("p").first()).toHaveText("It is not as it should be, and that was accepted for now.");
  await expect(panel).toContainText(`For technicians: ${waiting.why}`);
});
