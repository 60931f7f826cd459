import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

/** Things that must never happen on any screen. */
interface Watch {
  problems: string[];
}

/** Messages of the browser itself about answers that a test asked to fail. */
const expected = /Failed to load resource/;

export const test = base.extend<{ watch: Watch; app: Page }>({
  watch: [
    async ({ page }, use) => {
      const watch: Watch = { problems: [] };
      page.on("pageerror", (error) => watch.problems.push(`page error: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" && !expected.test(message.text()))
          watch.problems.push(`console: ${message.text()}`);
      });
      await use(watch);
      expect(watch.problems).toEqual([]);
    },
    { auto: true },
  ],
  app: async ({ page }, use) => {
    await signIn(page);
    await use(page);
  },
});

/** The mock takes any password but `wrong`, and any six digits but 000000. */
export async function givePassword(page: Page, email = "maren@northgate.example"): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill("a long enough password");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

export async function signIn(page: Page, email = "maren@northgate.example"): Promise<void> {
  await page.goto("/");
  await givePassword(page, email);
  // The sixth digit sends the form.
  await page.getByLabel("Code", { exact: true }).pressSequentially("123456");
  await expect(page.getByRole("navigation", { name: "Main" }).first()).toBeVisible();
  await settle(page);
}

/**
 * Goes to an address inside the running app, as its own links do: nothing is loaded again. Another page has come when it,
 * or something on it, has the focus.
 */
export async function visit(page: Page, address: string): Promise<void> {
  const another = await page.evaluate((to) => {
    const { pathname } = location;
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
    return location.pathname !== pathname;
  }, address);
  if (another) await page.waitForFunction(() => document.activeElement !== document.body);
}

/** Waits until nothing on the page is a skeleton any more. */
export async function settle(page: Page): Promise<void> {
  await expect(page.locator("h1").first()).toBeVisible();
  await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
}

const everyRule = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** What a theme can break: themes differ in colours alone. */
const rulesOfColour = ["color-contrast", "link-in-text-block"];

/** No accessibility violation (in a second theme: none of its colours), and nothing wider than the screen. */
export async function expectAccessible(page: Page, theme: "first" | "second" = "first"): Promise<void> {
  // In the page itself: there are no frames, and a second page for every analysis takes seconds.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ["violations"] });
  const { violations } = await (theme === "first" ? axe.withTags(everyRule) : axe.withRules(rulesOfColour)).analyze();
  const found = violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`).join(" | ")}`,
  );
  expect(found).toEqual([]);
  await expectNoOverflow(page);
}

export async function expectNoOverflow(page: Page): Promise<void> {
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, "horizontal overflow in pixels").toBeLessThanOrEqual(0);
}

/** An address of every page, with ids that exist in the mock. */
export async function addresses(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const get = (path: string) => fetch(path).then((response) => response.json());
    const sites = await get("/api/sites?limit=1");
    const waiting = await get("/api/incidents?state=awaiting_approval&limit=1");
    const resolved = await get("/api/incidents?state=resolved&limit=1");
    const people = await get("/api/users?limit=10");
    const site = sites.items[0].id;
    const posture = await get(`/api/sites/${site}/posture`);
    const checks = posture.controls.flatMap((control: { checks: unknown[] }) => control.checks);
    const passing = checks.find((check: { verdict: string }) => check.verdict === "pass");
    return {
      overview: "/",
      sites: "/sites",
      "sites, nothing found": "/sites?q=zzzz",
      posture: `/sites/${site}`,
      "posture in the past": `/sites/${site}?as_of=2026-11-20T10:00:00Z`,
      "why is this green": `/sites/${site}?check=${passing.check_id}&on=${passing.asset_id}`,
      machines: `/sites/${site}/assets`,
      "appliances of a site": `/sites/${site}/appliances`,
      "incidents of a site": `/sites/${site}/incidents`,
      evidence: `/sites/${site}/evidence`,
      "evidence entry": `/sites/${site}/evidence/1`,
      "site settings": `/sites/${site}/settings`,
      incidents: "/incidents",
      "incident to approve": `/incidents/${waiting.items[0].id}`,
      "resolved incident": `/incidents/${resolved.items[0].id}`,
      appliances: "/appliances",
      provisioning: "/provision",
      "provisioning, code": `/provision?site=${site}`,
      "audit log": "/audit",
      "system health": "/system",
      account: "/account",
      people: "/people",
      "people, nobody found": "/people?q=zzzz",
      "one of the people": `/people?show=${people.items[3].id}`,
      invitations: "/people/invitations",
      "emergency access": "/emergency",
      settings: "/settings",
      "sign-in providers": "/settings/providers",
      approvals: "/settings/approvals",
      "API tokens": "/settings/tokens",
      mail: "/settings/mail",
      keys: "/settings/keys",
      "not found": "/nowhere",
    };
  });
}

export { expect };
