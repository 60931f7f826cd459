/** What is read first does not move when the rest arrives. */

import type { Page } from "@playwright/test";
import { addresses, expect, settle, signIn, test } from "./signed-in";

const budget = 0.02;

interface Shift extends PerformanceEntry {
  value: number;
}

/** The sum of all shifts since the page was loaded. */
const shifted = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list, observer) => {
          observer.disconnect();
          resolve(list.getEntries().reduce((sum, entry) => sum + (entry as Shift).value, 0));
        }).observe({ type: "layout-shift", buffered: true });
        // Without a shift there is no call.
        setTimeout(() => resolve(0), 500);
      }),
  );

for (const width of [1440, 390]) {
  test(`pages keep still while they load: ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await signIn(page);
    const known = await addresses(page);
    // Long enough for every skeleton to be seen.
    await page.route(/\/api\/(?!events)/, async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      await route.continue().catch(() => undefined);
    });
    for (const name of [
      "overview",
      "sites",
      "posture",
      "evidence",
      "evidence entry",
      "incidents",
      "people",
      "system health",
    ]) {
      await test.step(name, async () => {
        await page.goto(known[name] as string);
        await settle(page);
        if (name === "evidence entry") await expect(page.getByText("Every step holds")).toBeVisible();
        expect(await shifted(page), name).toBeLessThan(budget);
      });
    }
  });
}
