/** A page on paper: what it says, when that was so, and nothing to press. */

import { addresses, expect, settle, test, visit } from "./signed-in";

test("the posture of a site is printed as a sheet of its own", async ({ app: page }) => {
  const { posture } = await addresses(page);
  const site = await page.evaluate(
    async (path) => (await fetch(`/api${path}`)).json() as Promise<{ name: string; org: { name: string } }>,
    posture as string,
  );
  await visit(page, `${posture}?state=pass`);
  await settle(page);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const main = page.locator("main");
  await expect(main.getByRole("heading", { level: 1 })).toHaveText(site.name);
  await expect(page.getByText(site.org.name).first()).toBeVisible();
  await expect(main.getByText(/^Filtered: \d+ of \d+ controls\.$/)).toBeVisible();
  await expect(page.getByRole("navigation")).toHaveCount(0);
  await expect(page.getByRole("banner")).toHaveCount(0);
  for (const control of await page.locator(".btn, input, select, [aria-label=State]").all())
    await expect(control).toBeHidden();
  const printed = await main.locator("time").evaluateAll((times) =>
    times
      .filter((time) => time.getClientRects().length > 0)
      .map((time) => ({
        said: getComputedStyle(time, "::after").content,
        relative: (time.firstElementChild as HTMLElement).getClientRects().length > 0,
      })),
  );
  expect(printed.length).toBeGreaterThan(0);
  for (const { said, relative } of printed) {
    expect(said).toMatch(/\d{4}.*\d\d:\d\d:\d\d \S+"$/);
    expect(relative).toBe(false);
  }
  // Ink on paper, in the dark theme too.
  const [ink] = await main.evaluate((element) => [getComputedStyle(element).color]);
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  expect(await main.evaluate((element) => getComputedStyle(element).color)).toBe(ink);
});
