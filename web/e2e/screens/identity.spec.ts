/** Signing in, proving who one is, and the pages about people, in the browser with the mock server. */

import type { Page } from "@playwright/test";
import { withPasskeys } from "../authenticator";
import { expect, givePassword, settle, signIn, test, visit } from "./signed-in";

const inside = (page: Page) => page.getByRole("navigation", { name: "Main" }).first();
const code = (page: Page) => page.getByLabel("Code", { exact: true });
const dialog = (page: Page, name: string | RegExp) => page.getByRole("dialog", { name });
const someone = () => `new.${Math.random()}@northgate.example`;

test.describe("the second step", () => {
  test("takes a pasted code, and says why one is refused", async ({ page }) => {
    await page.goto("/sites");
    await givePassword(page);
    await code(page).fill("000 000");
    await expect(page.getByRole("alert")).toContainText("This code was not accepted");
    await expect(code(page)).toHaveValue("");
    await expect(code(page)).toBeFocused();
    await expect(code(page)).toHaveAttribute("autocomplete", "one-time-code");
    await expect(code(page)).toHaveAttribute("inputmode", "numeric");
    await code(page).fill(" 123-456 ");
    await expect(page.getByRole("heading", { name: "Sites", level: 1 })).toBeVisible();
  });

  test("says how long to wait after too many", async ({ page }) => {
    await page.route("**/api/auth/second-factor/totp", (route) =>
      route.fulfill({
        status: 429,
        headers: { "Content-Type": "application/problem+json", "Retry-After": "90" },
        body: JSON.stringify({ code: "rate_limited", status: 429 }),
      }),
    );
    await page.goto("/");
    await givePassword(page);
    await code(page).fill("123456");
    await expect(page.getByRole("alert")).toContainText("Try again in 2 minutes");
    await expect(page.getByRole("button", { name: /^Wait 1:/ })).toBeVisible();
  });

  test("takes a recovery code, and another account", async ({ page }) => {
    await page.goto("/");
    await givePassword(page);
    await page.getByRole("button", { name: "Use a recovery code" }).click();
    await page.getByLabel("Recovery code").fill("wrong");
    await page.getByRole("button", { name: "Confirm" }).click();
    await expect(page.getByRole("alert")).toContainText("This code was not accepted");
    await page.getByRole("button", { name: "Sign in as somebody else" }).click();
    await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
    await givePassword(page);
    await page.getByRole("button", { name: "Use a recovery code" }).click();
    await page.getByLabel("Recovery code").fill("abcde-fghij");
    await page.getByRole("button", { name: "Confirm" }).click();
    await expect(inside(page)).toBeVisible();
  });

  test("comes back when the server asks for it later, and leads to where one was", async ({ page }) => {
    await signIn(page);
    await visit(page, "/audit");
    await settle(page);
    await page.route(/\/api\/incidents\?/, (route) =>
      route.fulfill({
        status: 403,
        contentType: "application/problem+json",
        body: JSON.stringify({ code: "second_factor_required", status: 403 }),
      }),
    );
    await page.route(/\/api\/auth\/session$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), assurance: "password" } });
    });
    await visit(page, "/incidents");
    await expect(page.getByText("Your session needs your second factor")).toBeVisible();
    await page.unroute(/\/api\/incidents\?/);
    await code(page).fill("123456");
    await expect(page.getByRole("heading", { name: "Incidents", level: 1 })).toBeVisible();
  });
});

test("what is read while a proof is under way comes back under the new session token", async ({ page }) => {
  await signIn(page);
  await visit(page, "/account");
  await settle(page);
  // The refusal of the token before is here first, the answer with the new one comes after it.
  let refused = () => {};
  const wasRefused = new Promise<void>((resolve) => void (refused = resolve));
  await page.route(/\/api\/auth\/second-factor\/totp$/, async (route) => {
    await wasRefused;
    await route.continue();
  });
  await page.route(
    /\/api\/sites\?/,
    async (route) => {
      await route.fulfill({
        status: 401,
        contentType: "application/problem+json",
        body: JSON.stringify({ code: "no_session", status: 401 }),
      });
      refused();
    },
    { times: 1 },
  );
  await page.getByRole("button", { name: "Make new ones" }).click();
  await page.getByRole("button", { name: "Make ten new codes" }).click();
  const asked = dialog(page, "Confirm that it is you");
  await asked.getByRole("button", { name: "Use a code" }).click();
  const proof = page.waitForResponse(/\/api\/auth\/second-factor\/totp$/);
  await asked.getByLabel("Code of your authenticator app").fill("123456");
  await visit(page, "/sites");
  expect((await proof).status()).toBe(200);
  await expect(page.getByRole("heading", { name: "Sites", level: 1 })).toBeVisible();
  await expect(page.getByText("Sunrise").first()).toBeVisible();
  await expect(page.getByText("Your session ended.")).toHaveCount(0);
});

test.describe("passkeys", () => {
  test("protect an account, sign in, and step up", async ({ page }) => {
    await withPasskeys(page);
    await page.goto("/");
    await givePassword(page, someone());
    await page.getByRole("button", { name: "A passkey", exact: true }).click();
    await page.getByLabel("Name of this passkey").fill("Test key");
    await page.getByRole("button", { name: "Make the passkey" }).click();
    const go = page.getByRole("button", { name: "Go on" });
    await expect(go).toHaveAttribute("aria-disabled", "true");
    await expect(page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem")).toHaveCount(10);
    const file = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    expect((await file).suggestedFilename()).toBe("proofline-recovery-codes.txt");
    await page.getByLabel("I have kept them").check();
    await go.click();
    await expect(inside(page)).toBeVisible();
    await settle(page);

    await visit(page, "/account");
    await expect(page.getByText("Test key")).toBeVisible();
    await page.getByRole("button", { name: "Make new ones" }).click();
    await page.getByRole("button", { name: "Make ten new codes" }).click();
    await dialog(page, "Confirm that it is you").getByRole("button", { name: "Use your passkey" }).click();
    await expect(dialog(page, "Keep your recovery codes")).toBeVisible();
    await page.getByLabel("I have kept them").check();
    await page.getByRole("button", { name: "Done" }).click();

    await page.getByRole("button", { name: /account and appearance/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await expect(inside(page)).toBeVisible();
  });

  test("are offered in the field for the e-mail address", async ({ page }) => {
    await withPasskeys(page, { inField: true });
    await page.goto("/");
    await givePassword(page, someone());
    await page.getByRole("button", { name: "A passkey", exact: true }).click();
    await page.getByRole("button", { name: "Make the passkey" }).click();
    await page.getByLabel("I have kept them").check();
    await page.getByRole("button", { name: "Go on" }).click();
    await expect(inside(page)).toBeVisible();
    await page.getByRole("button", { name: /account and appearance/ }).click();
    const signedIn = page.waitForResponse(/\/api\/auth\/passkey$/);
    await page.getByRole("button", { name: "Sign out" }).click();
    expect((await signedIn).status()).toBe(200);
    await expect(inside(page)).toBeVisible();
  });

  test("that are not used are no dead end", async ({ page }) => {
    await page.addInitScript(() => {
      navigator.credentials.get = () => Promise.reject(new DOMException("no", "NotAllowedError"));
      PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
    });
    await page.goto("/");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await expect(page.getByRole("alert")).toContainText("The passkey was not used");
    await givePassword(page);
    await code(page).fill("123456");
    await expect(inside(page)).toBeVisible();
  });
});

test.describe("setting up", () => {
  test("an authenticator app shows the key in fours and goes on to the codes", async ({ page }) => {
    await page.goto("/");
    await givePassword(page, someone());
    await page.getByRole("button", { name: "An authenticator app" }).click();
    await expect(page.getByTestId("totp-secret")).toHaveText(/^(\w{4} )+\w{1,4}$/);
    await code(page).fill("000000");
    await expect(page.getByRole("alert")).toContainText("This code was not accepted");
    await code(page).fill("123456");
    await page.getByLabel("I have kept them").check();
    await page.getByRole("button", { name: "Go on" }).click();
    await expect(inside(page)).toBeVisible();
  });

  test("an invitation leads to a protected account", async ({ page }) => {
    await page.goto("/invitation#abc");
    await expect(page.getByText(/Maren Rausch invites you as practice owner of Sunrise Dermatology/)).toBeVisible();
    await page.getByLabel("Your name").fill("Dr. New");
    await page.getByLabel("Password", { exact: true }).fill("short");
    await expect(page.getByText("7 more characters")).toBeVisible();
    await page.getByLabel("Password", { exact: true }).fill("three unrelated words");
    await expect(page.getByText("Long enough")).toBeVisible();
    await page.getByRole("button", { name: "Accept the invitation" }).click();
    await expect(page.getByRole("heading", { name: /Protect your account|Confirm that it is you/ })).toBeVisible();
  });

  test("a link by mail takes the place of the password", async ({ page }) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Sign in with a link" }).click();
    await page.getByLabel("E-mail").fill("maren@northgate.example");
    await page.getByRole("button", { name: "Send the link" }).click();
    await expect(page.getByText(/If maren@northgate.example is the address of somebody at a practice/)).toBeVisible();
    await page.goto("/sign-in-link#old");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByRole("alert")).toContainText("This link does not work any more");
    await page.goto("/sign-in-link#good");
    await expect(page).not.toHaveURL(/#/);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Confirm that it is you" })).toBeVisible();
  });

  test("a forgotten password is set anew", async ({ page }) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Forgotten password?" }).click();
    await page.getByLabel("E-mail").fill("maren@northgate.example");
    await page.getByRole("button", { name: "Send the link" }).click();
    await expect(page.getByText(/If maren@northgate.example has an account here/)).toBeVisible();
    await page.goto("/reset#old");
    await page.getByRole("textbox", { name: "New password" }).fill("three unrelated words");
    await page.getByRole("button", { name: "Set the password" }).click();
    await expect(page.getByRole("alert")).toContainText("This link does not work any more");
    await page.goto("/reset#token=good");
    await expect(page).not.toHaveURL(/#/);
    await expect(page.getByRole("heading", { name: "Set a new password" })).toBeVisible();
    await page.reload();
    await expect(page.getByRole("alert")).toContainText("This link does not work any more");
    await page.goto("/reset#token=good2");
    await page.getByRole("textbox", { name: "New password" }).fill("three unrelated words");
    await page.getByRole("button", { name: "Set the password" }).click();
    await expect(page.getByText("Your new password is set.")).toBeVisible();
  });
});

test.describe("step-up", () => {
  async function askForCodes(page: Page) {
    await visit(page, "/account");
    await page.getByRole("button", { name: "Make new ones" }).click();
    await page.getByRole("button", { name: "Make ten new codes" }).click();
    // It answers to keys once it has the focus; until then the dialog below does.
    await expect(dialog(page, "Confirm that it is you").locator(":focus")).toHaveCount(1);
  }

  test("repeats the call once it is proved, and only then", async ({ app: page }) => {
    const calls: number[] = [];
    page.on("response", (response) => {
      if (response.url().endsWith("/factors/recovery-codes")) calls.push(response.status());
    });
    await askForCodes(page);
    await page.getByRole("button", { name: "Use a code" }).click();
    await page.getByLabel("Code of your authenticator app").fill("000000");
    await expect(dialog(page, "Confirm that it is you").getByRole("alert")).toContainText("not accepted");
    await page.getByLabel("Code of your authenticator app").fill("123456");
    await expect(dialog(page, "Keep your recovery codes")).toBeVisible();
    expect(calls).toEqual([403, 200]);
  });

  for (const way of ["Cancel", "Escape"]) {
    test(`given up with ${way} says what was not done`, async ({ app: page }) => {
      await askForCodes(page);
      if (way === "Escape") await page.keyboard.press("Escape");
      else await dialog(page, "Confirm that it is you").getByRole("button", { name: "Cancel" }).click();
      await expect(page.getByText("No new codes were made. You did not confirm that it is you.")).toBeVisible();
      // The question below is still there.
      await expect(dialog(page, "Make new recovery codes?")).toBeVisible();
    });
  }

  test("comes before a download", async ({ app: page }) => {
    await visit(page, "/audit?outcome=denied");
    const file = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export CSV" }).click();
    await page.getByRole("button", { name: "Use a code" }).click();
    await page.getByLabel("Code of your authenticator app").fill("123456");
    expect((await file).suggestedFilename()).toBe("audit.csv");
  });
});

test.describe("people", () => {
  test("are invited into a role and a place", async ({ app: page }) => {
    await visit(page, "/people");
    await page.getByRole("button", { name: "Invite somebody" }).click();
    const form = dialog(page, "Invite somebody");
    const email = `p${Math.random()}@sunrise.example`;
    await form.getByLabel("E-mail").fill(email);
    await form.getByLabel("Role").selectOption("practice_manager");
    await form.getByLabel("Partner").selectOption({ index: 1 });
    await form.getByLabel("Practice").selectOption({ index: 1 });
    await form.getByRole("button", { name: "Send the invitation" }).click();
    await expect(page.getByText(`The invitation to ${email} is on its way`)).toBeVisible();
    await page.getByRole("link", { name: "Invitations" }).click();
    const row = page.getByRole("row", { name: email });
    await row.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("button", { name: "Revoke invitation" }).click();
    await expect(row.getByText("Revoked")).toBeVisible();
  });

  test("are suspended with a reason, restored, and deleted by name", async ({ app: page }) => {
    await visit(page, "/people?q=hannah");
    await page.getByRole("link", { name: "Hannah Brooks" }).click();
    const sheet = dialog(page, "Hannah Brooks");
    await sheet.getByRole("button", { name: "Suspend" }).click();
    await page
      .getByRole("dialog", { name: /Suspend/ })
      .getByLabel("Why")
      .fill("Left the company today");
    await page
      .getByRole("dialog", { name: /Suspend/ })
      .getByRole("button", { name: "Suspend" })
      .click();
    await sheet.getByRole("button", { name: "Restore" }).click();
    await expect(sheet.getByRole("button", { name: "Suspend" })).toBeVisible();
    await sheet.getByLabel("Role").selectOption("partner_technician");
    await sheet.getByRole("button", { name: "Change role" }).click();
    await expect(page.getByText("Hannah Brooks is now technician")).toBeVisible();
    await sheet.getByRole("button", { name: "Delete" }).click();
    await page.getByLabel("To be sure, type").fill("something");
    await page.getByRole("button", { name: "Delete for good" }).click();
    await expect(page.getByText("This is not the same")).toBeVisible();
    await page.getByLabel("To be sure, type").fill("hannah.brooks@sunrise.example");
    await page.getByRole("button", { name: "Delete for good" }).click();
    await page.getByRole("button", { name: "Use a code" }).click();
    await page.getByLabel("Code of your authenticator app").fill("123456");
    await expect(page.getByText("Hannah Brooks is deleted")).toBeVisible();
    await expect(page.getByText("Nobody matches the filter")).toBeVisible();
  });

  test("that cannot be read leave their sheet with words and a retry", async ({ app: page }) => {
    const id = await page.evaluate(async () => {
      const { items } = await fetch("/api/users?limit=1").then((response) => response.json());
      return items[0].id;
    });
    await page.route(/\/api\/users\/user/, (route) =>
      route.fulfill({ status: 500, contentType: "application/problem+json", body: '{"code":"internal"}' }),
    );
    await visit(page, `/people?q=zzzz&show=${id}`);
    const sheet = page.getByRole("dialog");
    await expect(sheet.getByRole("alert")).toContainText("failed on the server");
    await page.unroute(/\/api\/users\/user/);
    await sheet.getByRole("button", { name: "Try again" }).click();
    await expect(dialog(page, "Maren Rausch")).toBeVisible();
  });

  test("do nothing to themselves", async ({ app: page }) => {
    await visit(page, "/people?q=maren");
    await page.getByRole("link", { name: "Maren Rausch" }).click();
    const suspend = dialog(page, "Maren Rausch").getByRole("button", { name: "Suspend" });
    await expect(suspend).toHaveAttribute("aria-disabled", "true");
    await expect(suspend).toHaveAttribute("data-tip", "this is you");
  });
});

test("who needs a passkey is decided role by role", async ({ app: page }) => {
  await visit(page, "/people/second-factors");
  const rules = page.getByRole("list", { name: "What is asked of each role" });
  await expect(rules.getByRole("listitem")).toHaveCount(9);
  const rule = rules.getByRole("listitem").filter({ hasText: "Technician" });
  await expect(rule).toContainText("a passkey or an authenticator app");
  await rule.getByRole("button", { name: "Ask for a passkey: Technician" }).click();
  await expect(rule).not.toContainText("authenticator app");
  await rule.getByRole("button", { name: "Allow any second factor: Technician" }).click();
  await expect(rule).toContainText("a passkey or an authenticator app");
});

test("a token is shown once", async ({ app: page }) => {
  await visit(page, "/settings/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("Ticket bridge");
  await page.getByRole("group", { name: "Incident" }).getByLabel("Read").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await page.getByRole("button", { name: "Use a code" }).click();
  await page.getByLabel("Code of your authenticator app").fill("123456");
  await expect(dialog(page, "Copy the token now").locator("code")).toHaveText(/^plt_/);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByRole("row", { name: /Ticket bridge/ })).toBeVisible();
  await expect(page.getByText(/plt_\w{20}/)).toHaveCount(0);
});

test("another signing key is decided on by an administrator, with a fresh proof", async ({ page }) => {
  const request = () => page.getByRole("listitem").filter({ hasText: "laptop that is lost" });
  await signIn(page, "operator@northgate.example");
  await visit(page, "/settings/keys");
  for (const name of ["Approve", "Turn down"])
    await expect(request().getByRole("button", { name })).toHaveAttribute("aria-disabled", "true");
  await page.context().clearCookies();
  await signIn(page);
  await visit(page, "/settings/keys");
  await request().getByRole("button", { name: "Approve" }).click();
  const form = dialog(page, "Let the server replace the orders key?");
  await expect(form).toContainText("laptop that is lost");
  await expect(form).toContainText("the next key signs after 1 hour,");
  await form.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("button", { name: "Use a code" }).click();
  await page.getByLabel("Code of your authenticator app").fill("123456");
  await expect(request()).toContainText("Approved, to be carried out");
  await expect(request()).toContainText("decided by Maren Rausch");
  await expect(request().getByRole("button")).toHaveCount(0);
});

test("emergency access is asked for, approved by another, and shown on every page", async ({ page }) => {
  // Somebody of their own: as long as it is open, every page of theirs is a line longer.
  await signIn(page, `emergency.${Math.random()}@northgate.example`);
  await visit(page, "/emergency");
  await page.getByRole("button", { name: "Ask for access" }).click();
  const form = dialog(page, "Ask for emergency access");
  await form.getByLabel("Client").selectOption({ label: "Lakeview Dental" });
  await form.getByLabel("Why").fill("The appliance fell silent tonight");
  await form.getByLabel("Ticket").fill("SELF");
  await form.getByRole("button", { name: "Ask for access" }).click();
  await page.getByRole("button", { name: "Use a code" }).click();
  await page.getByLabel("Code of your authenticator app").fill("123456");
  const row = page.getByRole("row", { name: /Lakeview Dental/ });
  await expect(row.getByRole("button", { name: "Approve" })).toHaveAttribute(
    "data-tip",
    "somebody else has to approve your request",
  );
  // Somebody else, as far as the page can tell.
  await page.evaluate(async () => {
    const csrf = /__Host-csrf=([^;]+)/.exec(document.cookie)?.[1] ?? "";
    const { items } = await fetch("/api/break-glass").then((response) => response.json());
    await fetch(`/api/break-glass/${items[0].id}/approve`, { method: "POST", headers: { "X-CSRF-Token": csrf } });
  });
  await page.goto("/sites");
  const banner = page.getByRole("status").filter({ hasText: "Emergency access to Lakeview Dental is open" });
  await expect(banner).toBeVisible();
  await banner.getByRole("button", { name: "End now" }).click();
  await expect(banner).toHaveCount(0);
});

test("a restricted client says who sees it", async ({ app: page }) => {
  const address = await page.evaluate(async () => {
    const { items } = await fetch("/api/sites?q=sunrise dermatology").then((response) => response.json());
    return `/sites/${items[0].id}/settings`;
  });
  await visit(page, address);
  const panel = page.getByRole("region", { name: /^Who sees Sunrise/ });
  await expect(panel.getByText("Restricted")).toBeVisible();
  await panel.getByRole("button", { name: "Give access" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Find the person").fill("priya");
  await form.getByLabel("Person", { exact: true }).selectOption({ label: "Priya Raman, technician" });
  await form.getByLabel("Why").fill("Looks after the migration");
  await form.getByRole("button", { name: "Give access" }).click();
  await panel.getByRole("button", { name: "Take back from Priya Raman" }).click();
  await expect(panel.getByText("Priya Raman")).toHaveCount(0);
});

const homes: Record<string, { sees: string[]; lacks: string[]; words: string | RegExp }> = {
  partner: {
    sees: ["Sites", "People", "Settings"],
    lacks: ["System health", "Emergency access"],
    words: "Your clinics",
  },
  technician: { sees: ["Sites", "Appliances"], lacks: ["People", "Audit log"], words: "Your clinics" },
  billing: { sees: ["Overview"], lacks: ["Sites", "Incidents", "Audit log"], words: "Your clinics" },
  owner: { sees: ["Sites", "People", "Audit log"], lacks: ["System health", "Settings"], words: "Your sites" },
  viewer: { sees: ["Sites"], lacks: ["People", "Audit log", "Settings"], words: "Your sites" },
};

for (const [who, { sees, lacks, words }] of Object.entries(homes)) {
  test(`${who}: the navigation has what the role may use, and home its own words`, async ({ page }) => {
    await signIn(page, `${who}@northgate.example`);
    await settle(page);
    for (const name of sees) await expect(inside(page).getByRole("link", { name, exact: false }).first()).toBeVisible();
    for (const name of lacks) await expect(inside(page).getByRole("link", { name })).toHaveCount(0);
    await expect(page.getByRole("heading", { name: words }).first()).toBeVisible();
    await expect(page.getByText(/all partners/i)).toHaveCount(0);
  });
}

test("a partner's own provider has an address of its own", async ({ app: page }) => {
  await visit(page, "/settings/providers");
  await page.getByRole("button", { name: "Add a provider" }).click();
  const form = dialog(page, "Add a sign-in provider");
  await form.getByLabel("Kind").selectOption("openid");
  await form.getByLabel("Whose people", { exact: true }).selectOption({ label: "Keystone Managed Care" });
  await form.getByLabel("Name").fill("Keystone directory");
  await form.getByLabel("Issuer").fill("http://id.keystone.example");
  await form.getByLabel("Client id").fill("proofline");
  await form.getByLabel("Client secret").fill("not shown again");
  await form.getByRole("button", { name: "Add the provider" }).click();
  await expect(form.getByText("An issuer is an https address")).toBeVisible();
  await form.getByLabel("Issuer").fill("https://id.keystone.example");
  await form.getByRole("button", { name: "Add the provider" }).click();
  const row = page.getByRole("row", { name: /Keystone directory/ });
  const address = (await row.getByText(/\/login\?provider=/).textContent()) ?? "";
  await row.getByRole("button", { name: "Edit" }).click();
  await expect(page.getByLabel("New client secret")).toHaveValue("");
  await page.keyboard.press("Escape");
  await page.context().clearCookies();
  await page.goto(address);
  await expect(page.getByRole("status")).toContainText("Your request is with an administrator");
});

test("an account that could not be linked says why", async ({ app: page }) => {
  await visit(page, "/account");
  await page.getByRole("button", { name: "Link Google" }).click();
  await expect(page.getByRole("alert")).toContainText("this account belongs to another person here");
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await expect(page.getByRole("alert")).toHaveCount(0);
  expect(new URL(page.url()).search).toBe("");
});

test("a provider that failed says why, and a request that waits is no failure", async ({ page }) => {
  await page.goto("/login?problem=email_unverified");
  await expect(page.getByRole("alert")).toContainText("The provider has not verified your address");
  expect(new URL(page.url()).search).toBe("");
  await page.goto("/login?problem=awaiting_approval");
  await expect(page.getByRole("status")).toContainText("Your request is with an administrator");
  await expect(page.getByRole("alert")).toHaveCount(0);
  await page.goto("/login?problem=something_new");
  await expect(page.getByRole("alert")).toContainText("The sign-in did not work");
});
