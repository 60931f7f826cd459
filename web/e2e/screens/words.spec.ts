/** What pages say in the corners of their work. */

import { expect, settle, signIn, test, visit } from "./signed-in";

test("a code that was used is offered no more", async ({ app: page }) => {
  const { site, machine } = await page.evaluate(async () => {
    const { items: sites } = await (await fetch("/api/sites?limit=100")).json();
    const { items: machines } = await (await fetch("/api/appliances?limit=1")).json();
    return {
      site: sites.find((one: { appliance_status: string }) => one.appliance_status === "none").id,
      machine: machines[0],
    };
  });
  await visit(page, `/provision?site=${site}`);
  await page.getByRole("button", { name: "Make the code" }).click();
  await expect(page.getByText(/for one machine; ends (in|\d)/)).toBeVisible();
  await page.route(/\/api\/appliances\?/, (route) => route.fulfill({ json: { items: [machine], next_cursor: null } }));
  await expect(page.getByText(/joined\. Its first results/)).toBeVisible();
  await expect(page.getByRole("button", { name: /^Copy/ })).toHaveCount(0);
  await page.getByRole("button", { name: "Make another code" }).click();
  await expect(page.getByRole("button", { name: "Make the code" })).toBeVisible();
});

test("a posture of a day to come is said to be that of now", async ({ app: page }) => {
  const { items } = await page.evaluate(async () => (await fetch("/api/sites?limit=1")).json());
  await visit(page, `/sites/${items[0].id}`);
  await settle(page);
  await page.getByLabel("As of").fill("2099-01-01T10:00");
  await expect(page.getByText("The future is not known: shown as of now.")).toBeVisible();
  await page.getByRole("button", { name: "Back to now" }).click();
  await expect(page.getByText("The future is not known")).toHaveCount(0);
});

test("a new name of the installation stands above every page at once", async ({ app: page }) => {
  await visit(page, "/settings");
  const name = page.getByLabel("Name", { exact: true });
  const before = await name.inputValue();
  const keys = page.getByRole("region", { name: "Public keys of this server" });
  await expect(keys).toContainText("Server facts");
  await name.fill("Northgate East");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("banner").getByText("Northgate East")).toBeVisible();
  await name.fill(before);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("banner").getByText(before)).toBeVisible();
});

test("a cycle in which nothing was due is no result of 0 ms", async ({ app: page }) => {
  const id = await page.evaluate(async () => {
    const { items } = await (await fetch("/api/appliances?limit=100")).json();
    return items.find(({ last_cycle }: { last_cycle: { checks: number } | null }) => last_cycle?.checks === 0).id;
  });
  await visit(page, `/appliances?show=${id}`);
  await expect(page.getByRole("dialog")).toContainText("nothing was due");
});

test("where there is no provider nobody is told to link one", async ({ page }) => {
  await signIn(page);
  const none = { json: { items: [], next_cursor: null } };
  await page.route(/\/api\/auth\/(identities|providers)$/, (route) => route.fulfill(none));
  await visit(page, "/account");
  await expect(page.getByText("no sign-in provider is set up for you here")).toBeVisible();
});
