/**
 * Each read of each page goes wrong in every way there is: a message that people and screen
 * readers get, with the request id where there is one, and a retry that works. Never an empty
 * list, never a blank page.
 */

import type { Page, Route } from "@playwright/test";
import { addresses, expect, expectAccessible, givePassword, settle, signIn, test, visit } from "./signed-in";

test.describe.configure({ mode: "parallel" });

type Fault = (route: Route) => Promise<void>;

const problem =
  (status: number, code: string, headers: Record<string, string> = {}): Fault =>
  (route) =>
    route.fulfill({
      status,
      headers: { "Content-Type": "application/problem+json", "X-Request-Id": "req_fault", ...headers },
      body: JSON.stringify({
        type: "about:blank",
        title: code,
        status,
        code,
        detail: "",
        request_id: "req_fault",
        errors: [],
      }),
    });

const faults: Record<string, { fault: Fault; words: RegExp; id: boolean }> = {
  "500": { fault: problem(500, "internal"), words: /failed on the server/i, id: true },
  "403": { fault: problem(403, "forbidden"), words: /your role does not allow this/i, id: true },
  "404": { fault: problem(404, "not_found"), words: /not found/i, id: true },
  "429": { fault: problem(429, "rate_limited", { "Retry-After": "1" }), words: /too many requests/i, id: true },
  "503": { fault: problem(503, "unavailable"), words: /is not ready/i, id: true },
  offline: { fault: (route) => route.abort("internetdisconnected"), words: /cannot be reached/i, id: false },
  "not JSON": {
    fault: (route) => route.fulfill({ status: 200, contentType: "application/json", body: '{"items": [' }),
    words: /could not be read/i,
    id: false,
  },
  "another shape": {
    fault: (route) =>
      route.fulfill({ status: 200, contentType: "application/json", body: '{"items": 7, "attention": {}}' }),
    words: /could not be read/i,
    id: false,
  },
};

/** The reads that each page cannot do without. */
const reads: Record<string, RegExp> = {
  overview: /\/api\/overview$/,
  sites: /\/api\/sites\?/,
  posture: /\/api\/.*\/posture/,
  machines: /\/api\/.*\/assets/,
  "appliances of a site": /\/api\/appliances/,
  "incidents of a site": /\/api\/incidents\?/,
  evidence: /\/api\/.*\/evidence\?/,
  "evidence entry": /\/api\/.*\/evidence\/1$/,
  "site settings": /\/api\/.*\/codes/,
  incidents: /\/api\/incidents\?/,
  "incident to approve": /\/api\/incidents\/inc/,
  appliances: /\/api\/appliances/,
  provisioning: /\/api\/partners/,
  "audit log": /\/api\/audit/,
  "system health": /\/api\/system\/health/,
  settings: /\/api\/settings/,
  account: /\/api\/auth\/sessions/,
  people: /\/api\/users\?/,
  invitations: /\/api\/invitations/,
  "emergency access": /\/api\/break-glass/,
  "sign-in providers": /\/api\/oidc\/providers/,
  approvals: /\/api\/oidc\/approvals/,
  "API tokens": /\/api\/tokens/,
  mail: /\/api\/mail/,
  keys: /\/api\/system\/keys/,
};

/** What the frame around every page reads too has to go wrong from the first request on. */
const framed = ["overview", "emergency access"];
const open = (page: Page, title: string, known: Record<string, string>) =>
  framed.includes(title) ? page.goto(known[title] as string) : visit(page, known[title] as string);

const main = (page: Page) => page.locator("main");

for (const [name, { fault, words, id }] of Object.entries(faults)) {
  test(`every page says so and comes back: ${name}`, async ({ page }) => {
    await signIn(page);
    const known = await addresses(page);
    // What changes elsewhere is not asked for again meanwhile: it is the retry that brings a page back.
    await page.route(/\/api\/events$/, () => new Promise(() => undefined));
    // Begin where none of the reads is made, with nothing of them in the cache.
    await page.goto("/nowhere");
    for (const [title, read] of Object.entries(reads)) {
      await test.step(title, async () => {
        await page.route(read, fault);
        await open(page, title, known);
        const alert = main(page).getByRole("alert").filter({ hasText: words }).first();
        await expect(alert).toBeVisible();
        if (id) await expect(alert).toContainText("req_fault");
        await page.unroute(read);
        await alert.getByRole("button", { name: "Try again" }).click();
        await expect(main(page).getByRole("alert").filter({ hasText: words })).toHaveCount(0);
        await settle(page);
      });
    }
  });
}

for (const [colorScheme, theme] of [
  ["light", "first"],
  ["dark", "second"],
] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });
    test("error states are accessible", async ({ page }) => {
      await signIn(page);
      const known = await addresses(page);
      for (const [title, read] of Object.entries(reads)) {
        await test.step(title, async () => {
          // The failure that is looked at has to be this page's, not the last one's.
          await visit(page, "/nowhere");
          await expect(main(page).getByRole("alert")).toHaveCount(0);
          await page.route(read, problem(500, "internal"));
          await open(page, title, known);
          await expect(main(page).getByRole("alert").first()).toBeVisible();
          await expectAccessible(page, theme);
          await page.unroute(read);
        });
      }
    });
  });
}

test("an answer that never comes is a time-out", async ({ page }) => {
  await page.clock.install();
  await signIn(page);
  await page.route(/\/api\/audit/, () => new Promise(() => undefined));
  await page.goto("/audit");
  await expect(page.getByText("Loading audit log")).toBeAttached();
  await page.clock.runFor(31_000);
  // What else the page had asked for and not yet got has timed out as well.
  await expect(
    main(page).getByRole("alert").filter({ hasText: "Audit log: no answer within 30 seconds" }),
  ).toBeVisible();
});

test("a dead session goes to the sign-in page and back to where one was", async ({ page }) => {
  await signIn(page);
  await page.goto("/audit");
  await settle(page);
  await page.context().clearCookies();
  await page.getByLabel("Who").fill("maren");
  await expect(page.getByText("Your session ended.")).toBeVisible();
  await expectAccessible(page);
  expect(new URL(page.url()).pathname).toBe("/audit");
  await givePassword(page);
  await page.getByLabel("Code", { exact: true }).fill("123456");
  await expect(page.getByRole("heading", { name: "Audit log" })).toBeVisible();
});

test("signing out clears every tab", async ({ page, context }) => {
  await signIn(page);
  const other = await context.newPage();
  await other.goto("/sites");
  await expect(other.getByRole("heading", { name: "Sites" })).toBeVisible();
  await page.getByRole("button", { name: /account and appearance/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByText("You signed out.")).toBeVisible();
  await expect(other.getByText("You signed out in another tab.")).toBeVisible();
  await expect(other.getByText("Sunrise")).toHaveCount(0);
});

test("a refresh that fails keeps what was there, and says how old it is", async ({ page }) => {
  await signIn(page);
  await page.goto("/settings");
  await settle(page);
  await page.goto("/system");
  await settle(page);
  await page.route(/\/api\/system\/health/, problem(503, "unavailable"));
  await expect(main(page).getByRole("alert").first()).toContainText("What you see is from", { timeout: 30_000 });
  await expect(page.getByText("Not WORM")).toBeVisible();
  await page.unroute(/\/api\/system\/health/);
  await main(page).getByRole("button", { name: "Try again" }).first().click();
  await expect(main(page).getByRole("alert")).toHaveCount(0);
});

test("a page of one answer says once that it could not be had again", async ({ page }) => {
  await page.clock.install();
  await signIn(page);
  await page.route(/\/api\/overview$/, problem(503, "unavailable"));
  // Whoever comes back to the screen after a while gets it anew.
  await page.clock.fastForward(20_000);
  await page.evaluate(() => dispatchEvent(new Event("visibilitychange")));
  await expect(main(page).getByRole("alert")).toHaveText(/What you see is from/, { timeout: 30_000 });
  await page.unroute(/\/api\/overview$/);
  await main(page).getByRole("button", { name: "Try again" }).click();
  await expect(main(page).getByRole("alert")).toHaveCount(0);
});

test("a list to choose from that is missing is missed", async ({ page }) => {
  await signIn(page);
  await page.route(/\/api\/organisations\?/, problem(500, "internal"));
  await visit(page, "/audit");
  await expect(main(page).getByRole("alert")).toContainText("organisations to choose from");
  await page.unroute(/\/api\/organisations\?/);
  await main(page).getByRole("button", { name: "Try again" }).click();
  await expect(page.getByLabel("Organisation")).toBeVisible();
});

test("nothing is live while requests go unanswered", async ({ page }) => {
  await signIn(page);
  const live = page.getByRole("banner").getByRole("status");
  await expect(live).toHaveText("Live");
  await page.route(/\/api\/(audit|auth\/session)/, problem(503, "unavailable"));
  await visit(page, "/audit");
  await expect(live).toHaveText("Reconnecting");
  await page.unroute(/\/api\/(audit|auth\/session)/);
  await expect(live).toHaveText("Live");
});

test.describe("writes", () => {
  for (const [name, { fault, words }] of Object.entries(faults).filter(([name]) => name !== "another shape")) {
    test(`an approval that fails says so: ${name}`, async ({ page }) => {
      await signIn(page);
      const known = await addresses(page);
      await page.goto(known["incident to approve"] as string);
      await page.getByRole("button", { name: "Approve the plan" }).click();
      await page.route(/\/approve$/, fault);
      await page.getByRole("button", { name: "Approve and run" }).click();
      await expect(page.getByRole("dialog").getByRole("alert")).toContainText(words);
      await expect(page.getByRole("dialog")).toBeVisible();
    });
  }
});

test("a read-only person is told why an action is not possible", async ({ page }) => {
  await signIn(page, "readonly@northgate.example");
  const known = await addresses(page);
  await page.goto(known["incident to approve"] as string);
  const approve = page.getByRole("button", { name: "Approve the plan" });
  await expect(approve).toHaveAttribute("aria-disabled", "true");
  await approve.focus();
  await expect(page.getByRole("tooltip")).toContainText("read-only");
  await approve.click({ force: true });
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.goto("/sites");
  await expect(page.getByRole("button", { name: "Add a site" })).toHaveAttribute("aria-disabled", "true");
});
