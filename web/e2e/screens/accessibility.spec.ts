/**
 * Every screen in both themes and on a phone: no axe violation, nothing reported against the
 * content security policy; and at the ends of the range nothing wider than the screen.
 */

import {
  addresses,
  expect,
  expectAccessible,
  expectNoOverflow,
  givePassword,
  settle,
  signIn,
  test,
  visit,
} from "./signed-in";

test.describe.configure({ mode: "parallel" });

const ways = [
  { name: "light", colorScheme: "light", theme: "first", viewport: { width: 1440, height: 900 } },
  { name: "dark", colorScheme: "dark", theme: "second", viewport: { width: 1440, height: 900 } },
  { name: "phone", colorScheme: "light", theme: "first", viewport: { width: 390, height: 844 } },
] as const;

for (const { name, colorScheme, theme, viewport } of ways) {
  test.describe(name, () => {
    test.use({ colorScheme, viewport, reducedMotion: "reduce" } as Parameters<typeof test.use>[0]);

    test("sign-in", async ({ page }) => {
      await page.goto("/");
      await expect(page.getByRole("button", { name: "Sign in", exact: true })).toBeVisible();
      await expectAccessible(page, theme);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await expect(page.getByText("E-mail is missing")).toBeVisible();
      await expectAccessible(page, theme);
    });

    test("first start", async ({ page }) => {
      await page.goto("/#/bootstrap?token=abc");
      await expect(page.getByRole("heading", { name: "Create the first account" })).toBeVisible();
      await expectAccessible(page, theme);
    });

    test("second factor", async ({ page }) => {
      await page.goto("/");
      await givePassword(page);
      await page.getByLabel("Code", { exact: true }).fill("000000");
      await expect(page.getByRole("alert")).toContainText("This code was not accepted");
      await expectAccessible(page, theme);
      await page.getByRole("button", { name: "Use a recovery code" }).click();
      await expect(page.getByLabel("Recovery code")).toBeVisible();
      await expectAccessible(page, theme);
    });

    test("protecting an account", async ({ page }) => {
      await page.goto("/");
      await givePassword(page, `new.${Math.random()}@northgate.example`);
      await expect(page.getByRole("heading", { name: "Protect your account" })).toBeVisible();
      await expectAccessible(page, theme);
      await page.getByRole("button", { name: "A passkey", exact: true }).click();
      await expectAccessible(page, theme);
      await page.getByRole("button", { name: "Back" }).click();
      await page.getByRole("button", { name: "An authenticator app" }).click();
      await expect(page.getByRole("img", { name: /QR code/ })).toBeVisible();
      await expectAccessible(page, theme);
      await page.getByLabel("Code", { exact: true }).fill("123456");
      await expect(page.getByRole("heading", { name: "Keep your recovery codes" })).toBeVisible();
      await expectAccessible(page, theme);
    });

    for (const [name, address, heading] of [
      ["forgotten password", "/forgot", "Forgotten password"],
      ["asking for a link", "/sign-in-link", "Sign in with a link"],
      ["a link to sign in", "/sign-in-link#abc", "Sign in"],
      ["a new password", "/reset#abc", "Set a new password"],
      ["an invitation", "/invitation#abc", "Welcome"],
      ["a link that is too old", "/invitation#old", "This link does not work any more"],
      ["a new address", "/confirm-email#abc", "Confirm your new address"],
      ["a problem of a provider", "/login?problem=wrong_place", "Sign in"],
    ] as const) {
      test(name, async ({ page }) => {
        await page.goto(address);
        await expect(page.getByRole("heading", { name: heading })).toBeVisible();
        await expectAccessible(page, theme);
        expect(page.url()).not.toContain("#");
      });
    }

    test("what asks on the pages about people and access", async ({ page }) => {
      await signIn(page);
      for (const [address, button, wait] of [
        ["/people", "Invite somebody", "E-mail"],
        ["/settings/providers", "Add a provider", "Client secret"],
        ["/settings/approvals", "Approve", "Role"],
        ["/settings/tokens", "New token", "Works for"],
        ["/settings/keys", "Approve", "Close"],
        ["/emergency", "Ask for access", "Ticket"],
        ["/account", "Change", "New e-mail address"],
      ] as const) {
        await test.step(button, async () => {
          await visit(page, address);
          await settle(page);
          await page.getByRole("button", { name: button, exact: true }).first().click();
          await expect(page.getByRole("dialog").getByLabel(wait, { exact: true })).toBeVisible();
          await expectAccessible(page, theme);
          await page.keyboard.press("Escape");
          await expect(page.getByRole("dialog")).toHaveCount(0);
        });
      }
    });

    test("every page", async ({ page }) => {
      test.setTimeout(480_000);
      await signIn(page);
      for (const [title, address] of Object.entries(await addresses(page))) {
        await test.step(title, async () => {
          await visit(page, address);
          await settle(page);
          await expectAccessible(page, theme);
        });
      }
    });

    test("what opens on top", async ({ page }) => {
      await signIn(page);
      await settle(page);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill("cedar");
      await expect(page.getByRole("option").first()).toBeVisible();
      await expectAccessible(page, theme);
      await page.keyboard.press("Escape");
      await page.keyboard.press("?");
      await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
      await expectAccessible(page, theme);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /account and appearance/ }).click();
      await expectAccessible(page, theme);
      await page.goto("/appliances");
      await settle(page);
      await page.locator("[data-row-link]").first().click();
      await expect(page.getByRole("dialog")).toBeVisible();
      await expectAccessible(page, theme);
      await page.getByRole("button", { name: "Revoke its key" }).click();
      await page.getByRole("button", { name: "Revoke for good" }).click();
      await expect(page.getByText(/at least 10 characters/i)).toBeVisible();
      await expectAccessible(page, theme);
    });
  });
}

for (const width of [360, 2560]) {
  test(`nothing is wider than ${width} pixels`, async ({ page }) => {
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
