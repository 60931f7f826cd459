/** Pages with tabs: which one is named in the title, and in view on a phone. */

import { addresses, expect, settle, test, visit } from "./signed-in";

test("the browser's title says which tab it is", async ({ app: page }) => {
  const known = await addresses(page);
  for (const [name, title] of [
    ["posture", /^Posture · .+ · Proofline$/],
    ["evidence", /^Evidence · .+ · Proofline$/],
    ["site settings", /^Settings · .+ · Proofline$/],
    ["settings", /^General · Settings · Proofline$/],
    ["keys", /^Keys · Settings · Proofline$/],
    ["people", /^People · Proofline$/],
    ["invitations", /^Invitations · People · Proofline$/],
  ] as const) {
    await visit(page, known[name] as string);
    await expect(page).toHaveTitle(title);
  }
});

test("the current tab is in view on a phone, and what is cut off fades", async ({ app: page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const known = await addresses(page);
  const tabs = page.getByRole("navigation", { name: "Site" });
  const mask = () => tabs.locator("ul").evaluate((list) => getComputedStyle(list).maskImage);
  await visit(page, known.posture as string);
  await settle(page);
  await expect(tabs.getByRole("link", { name: "Posture" })).toBeInViewport({ ratio: 1 });
  await expect.poll(mask).toContain("gradient");
  await visit(page, known["site settings"] as string);
  await settle(page);
  await expect(tabs.getByRole("link", { name: "Settings" })).toBeInViewport({ ratio: 1 });
  await page.setViewportSize({ width: 1440, height: 900 });
  await expect.poll(mask).toBe("none");
});
