/** Where the keyboard is after something opened, closed or gave way to something else. */

import { expect, settle, signIn, test, visit } from "./signed-in";

test("a form that opens begins in its first field", async ({ app: page }) => {
  for (const [address, button, field] of [
    ["/people", "Invite somebody", "E-mail"],
    ["/settings/providers", "Add a provider", "Kind"],
    ["/settings/tokens", "New token", "Name"],
    ["/emergency", "Ask for access", "Restricted client"],
  ] as const) {
    await test.step(button, async () => {
      await visit(page, address);
      await settle(page);
      await page.getByRole("button", { name: button, exact: true }).first().click();
      await expect(page.getByRole("dialog").getByLabel(field, { exact: true })).toBeFocused();
      await page.keyboard.press("Escape");
      await expect(page.getByRole("button", { name: button, exact: true }).first()).toBeFocused();
    });
  }
});

test("a form begins in its first field although what to choose from is not there yet", async ({ app: page }) => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  await page.route(/\/api\/organisations\?/, async (route) => {
    await arrived;
    await route.continue();
  });
  await visit(page, "/emergency");
  await settle(page);
  await page.getByRole("button", { name: "Ask for access", exact: true }).click();
  const client = page.getByRole("dialog").getByLabel("Restricted client", { exact: true });
  await expect(client).toBeFocused();
  await expect(client).toHaveText("Loading…");
  arrive();
  await expect(client).not.toHaveAttribute("aria-busy", "true");
  await expect(client).toContainText("Choose…");
  await expect(client).toBeFocused();
});

test("each step of adding an appliance takes the focus", async ({ app: page }) => {
  await visit(page, "/provision");
  await settle(page);
  const press = (name: string) => page.getByRole("button", { name, exact: true }).press("Enter");
  await press("New partner");
  await expect(page.getByLabel("Name of the new partner")).toBeFocused();
  await press("Choose an existing one");
  const heading = (name: string) => page.getByRole("heading", { name, exact: true });
  for (const [noun, next] of [
    ["partner", "Organisation"],
    ["organisation", "Site"],
    ["site", "Code"],
  ] as const) {
    await page.getByLabel(`Choose the ${noun}`).selectOption({ index: 1 });
    await press("Continue");
    await expect(heading(next)).toBeFocused();
  }
  await press("Make the code");
  await expect(page.getByText("The code, shown only now")).toBeFocused();
  await press("Change site");
  await expect(heading("Site")).toBeFocused();
});

test("what one more press brings is where one goes on", async ({ app: page }) => {
  await page.getByRole("button", { name: /^\d+ more$/ }).press("Enter");
  await expect(page.getByRole("region", { name: "Needs attention" }).locator("[data-row-link]").nth(7)).toBeFocused();
});

test("a column that sorts keeps the focus", async ({ app: page }) => {
  for (const [address, name] of [
    ["/incidents", "Opened"],
    ["/sites", "Site"],
  ] as const) {
    await visit(page, address);
    await settle(page);
    const column = page.getByRole("columnheader", { name });
    await column.getByRole("button").press("Enter");
    await expect(column).toHaveAttribute("aria-sort", "descending");
    await settle(page);
    await expect(column.getByRole("button")).toBeFocused();
  }
});

for (const address of ["/appliances", "/people"]) {
  test(`a sheet gives the focus back to the row that opened it: ${address}`, async ({ page }) => {
    await signIn(page);
    await visit(page, address);
    await settle(page);
    const row = page.locator("main [data-row-link]").nth(2);
    for (const close of [
      () => page.keyboard.press("Escape"),
      () => page.getByRole("button", { name: "Close" }).press("Enter"),
    ]) {
      await row.press("Enter");
      // It is open when it has the focus.
      await expect(page.getByRole("dialog").getByRole("button", { name: "Close" })).toBeFocused();
      await close();
      await expect(page.getByRole("dialog")).toHaveCount(0);
      await expect(row).toBeFocused();
    }
  });
}
