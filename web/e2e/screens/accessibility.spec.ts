/**
 * Every screen in both themes and on a phone: no axe violation, nothing reported against the
 * content security policy; and at the ends of the range nothing wider than the screen.
 */

import { addresses, expect, expectAccessible, expectNoOverflow, settle, signIn, test, visit } from "./signed-in";

const ways = [
  { name: "light", colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

for (const { name, colorScheme, viewport } of ways) {
  test.describe(name, () => {
    test.use({ colorScheme, viewport, reducedMotion: "reduce" } as Parameters<typeof test.use>[0]);

    test("sign-in", async ({ page }) => {
      await page.goto("/");
      await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
      await expectAccessible(page);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByText("E-mail is missing")).toBeVisible();
      await expectAccessible(page);
    });

    test("first start", async ({ page }) => {
      await page.goto("/#/bootstrap?token=abc");
      await expect(page.getByRole("heading", { name: "Create the first account" })).toBeVisible();
      await expectAccessible(page);
    });

    test("every page", async ({ page }) => {
      test.setTimeout(240_000);
      await signIn(page);
      for (const [title, address] of Object.entries(await addresses(page))) {
        await test.step(title, async () => {
          await visit(page, address);
          await settle(page);
          await expectAccessible(page);
        });
      }
    });

    test("what opens on top", async ({ page }) => {
      await signIn(page);
      await settle(page);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill("cedar");
      await expect(page.getByRole("option").first()).toBeVisible();
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /account and appearance/ }).click();
      await expectAccessible(page);
      await page.goto("/appliances");
      await settle(page);
      await page.locator("[data-row-link]").first().click();
      await expect(page.getByRole("dialog")).toBeVisible();
      await expectAccessible(page);
      await page.getByRole("button", { name: "Revoke its key" }).click();
      await page.getByRole("button", { name: "Revoke for good" }).click();
      await expect(page.getByText(/at least 10 characters/i)).toBeVisible();
      await expectAccessible(page);
    });
  });
}

for (const width of [360, 2560]) {
  test(`nothing is wider than ${width} pixels`, async ({ page }) => {
    test.setTimeout(180_000);
    await page.setViewportSize({ width, height: 800 });
    await signIn(page);
    for (const [title, address] of Object.entries(await addresses(page))) {
      await test.step(title, async () => {
        await visit(page, address);
        await settle(page);
        await expectNoOverflow(page);
      });
    }
  });
}
