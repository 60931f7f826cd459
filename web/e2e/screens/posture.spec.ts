/** What the posture of a site says of itself: how far it was measured, and by whom. */

import type { Page } from "@playwright/test";
import { expect, expectAccessible, settle, test, visit } from "./signed-in";

interface Control {
  id: string;
  title: string;
  plain_title: string;
  state: string;
  coverage_kind: string;
  coverage_reason: string;
  checks: { title: string }[];
}

/** A site, and its controls of one kind in one state. */
async function find(page: Page, kind: string, state: string): Promise<{ site: string; control: Control }> {
  const found = await page.evaluate(
    async ([kind, state]) => {
      const { items } = await (await fetch("/api/sites?limit=40")).json();
      for (const { id } of items) {
        const { controls } = await (await fetch(`/api/sites/${id}/posture`)).json();
        const control = controls.find((c: Control) => c.coverage_kind === kind && c.state === state);
        if (control) return { site: id, control };
      }
      return undefined;
    },
    [kind, state] as const,
  );
  if (!found) throw new Error(`no control of kind ${kind} is ${state}`);
  return found;
}

const row = (page: Page, { id, title }: Control) => page.getByRole("button", { name: `${id} ${title}` });

test("what only a person can state is said to be unrecorded, and to limit the score", async ({ app: page }) => {
  const { site, control } = await find(page, "attestation", "not_assessed");
  await visit(page, `/sites/${site}`);
  const button = row(page, control);
  await button.click();
  await expect(page.getByRole("listitem").filter({ has: button })).toContainText(
    "A statement cannot be recorded here yet: this control counts as not assessed.",
  );
  await expect(page.getByRole("region", { name: "Posture", exact: true })).toContainText(
    /Machines measure \d+ of the \d+ controls that apply, .* the score cannot reach 100\./,
  );
  await page.setViewportSize({ width: 390, height: 800 });
  await expectAccessible(page);
});

test("a control that is measured in part does not say that it passes", async ({ app: page }) => {
  const { site, control } = await find(page, "hybrid", "pass");
  await visit(page, `/sites/${site}`);
  const button = row(page, control);
  await expect(button).toContainText("Measured part passes");
  await expect(button).toContainText(control.coverage_reason);
  await button.click();
  await page
    .getByRole("button", { name: control.checks[0]?.title as string })
    .first()
    .click();
  const why = page.getByRole("complementary", { name: "Why" }).or(page.getByRole("dialog"));
  await expect(why).toContainText("Measured part passes");
  await expect(why).toContainText(control.coverage_reason);
  await settle(page);
  await expectAccessible(page);
});
