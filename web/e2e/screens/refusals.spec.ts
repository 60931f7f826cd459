/** A page that is not for the role says so by itself: a question that the server refuses is a line in its audit log. */

import type { Page } from "@playwright/test";
import { expect, expectAccessible, settle, signIn, test } from "./signed-in";

/** What the page asks of the server from now on, besides what the frame around it does. */
function asked(page: Page): string[] {
  const calls: string[] = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/") && !/^\/api\/(auth|events|overview|break-glass)/.test(pathname))
      calls.push(pathname);
  });
  return calls;
}

/** Goes where nothing is asked, with the pointer on nothing: what it rests on or passes is fetched beforehand. */
async function still(page: Page): Promise<void> {
  await page.mouse.move(0, 0);
  await page.goto("/nowhere");
  await settle(page);
}

const places = [
  "/people",
  "/people/invitations",
  "/audit",
  "/emergency",
  "/system",
  "/settings/providers",
  "/provision",
];

test("deep links of another role refuse without a question, and show the way on", async ({ page }) => {
  await signIn(page, "viewer@northgate.example");
  await still(page);
  const calls = asked(page);
  for (const place of [...places, "/settings"]) {
    await test.step(place, async () => {
      await page.goto(place);
      await expect(page.getByText("This page is not for your role (practice viewer)")).toBeVisible();
    });
  }
  expect(calls).toEqual([]);
  await expectAccessible(page);
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await expect(page).toHaveURL(/\/$/);
});

test("settings begin with what the role may see, and ask for nothing else", async ({ page }) => {
  await signIn(page, "technician@northgate.example");
  await still(page);
  const calls = asked(page);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Settings" }).first().click();
  await expect(page).toHaveURL(/\/settings\/tokens$/);
  await settle(page);
  await page.goto("/settings");
  await expect(page).toHaveURL(/\/settings\/tokens$/);
  await settle(page);
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter((path) => !path.startsWith("/api/tokens"))).toEqual([]);
});
