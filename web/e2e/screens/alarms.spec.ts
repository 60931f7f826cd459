/** What is wrong with evidence itself is ended by whoever answers for the installation, and says why. */

import { expect, settle, signIn, test, visit } from "./signed-in";

test("an alarm is cleared with what came of looking into it", async ({ page }) => {
  const alarms = () => page.getByRole("list", { name: "Alarms" });
  const alarm = () => alarms().getByRole("listitem").filter({ hasText: "Two statements under one number" });
  await signIn(page, "operator@northgate.example");
  await visit(page, "/system");
  await settle(page);
  await expect(alarm().getByRole("button", { name: "Clear" })).toHaveAttribute("aria-disabled", "true");
  await page.context().clearCookies();
  await signIn(page);
  await visit(page, "/system");
  await alarm().getByRole("button", { name: "Clear" }).click();
  const form = page.getByRole("dialog", { name: "Clear this alarm?" });
  await expect(form).toContainText("sent other bytes under number");
  await form.getByRole("button", { name: "Clear the alarm" }).click();
  await expect(form).toContainText("at least 10 characters");
  await form.getByLabel("What came of looking into it").fill("a disk image was restored on the box");
  await form.getByRole("button", { name: "Clear the alarm" }).click();
  await expect(page.getByText("The alarm was cleared")).toBeVisible();
  await expect(alarm()).toHaveCount(0);
  await expect(alarms().getByRole("listitem")).toHaveCount(1);
});
