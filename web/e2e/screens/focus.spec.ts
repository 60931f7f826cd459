/** Where the keyboard is after something opened, closed or gave way to something else. */

import { expect, settle, test, visit } from "./signed-in";

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
