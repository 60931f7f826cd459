/**
 * Who gets in, on the real server: second factors, passkeys, step-up, people and what each role
 * sees. Mail is not sent in these flows: an invitation is followed as far as the list.
 */

import { expect, type Locator, type Page, test } from "@playwright/test";
import { withPasskeys } from "../authenticator";
import { Installation, missing } from "./installation";
import { bootstrap, Person, signOut } from "./person";

test.describe.configure({ mode: "serial" });
test.skip(missing !== undefined, missing);

const maren = new Person("Maren Rausch", "maren@northgate.example");

let installation: Installation;
let page: Page;
const problems: string[] = [];

test.beforeAll(async ({ browser }) => {
  installation = await Installation.start();
  page = await browser.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) problems.push(message.text());
  });
  await withPasskeys(page);
  await bootstrap(page, installation.bootstrapLink, maren);
});

test.afterAll(async () => {
  await page?.close();
  await installation?.stop();
});

test.afterEach(() => expect(problems).toEqual([]));

const at = (path: string) => installation.address + path;
const inside = () => page.getByRole("navigation", { name: "Main" }).first();

/** Does what may ask for a fresh proof, and gives it if it does, until it is done. */
async function proved(act: () => Promise<void>, done: Locator): Promise<void> {
  await act();
  const asked = page.getByRole("dialog", { name: "Confirm that it is you" });
  await expect(asked.or(done).first()).toBeVisible();
  if (await asked.isVisible()) await maren.stepUp(page);
  await expect(done).toBeVisible();
}

test("a password alone opens nothing", async () => {
  await signOut(page);
  await maren.givePassword(page);
  await expect(page.getByRole("heading", { name: "Confirm that it is you" })).toBeVisible();
  const status = await page.evaluate(() => fetch("/api/sites").then((answer) => answer.status));
  expect(status).toBe(403);
  await page.goto(at("/sites"));
  await expect(page.getByRole("heading", { name: "Confirm that it is you" })).toBeVisible();
});

test("a code works once", async () => {
  const code = (await maren.app?.code()) ?? "";
  await page.getByLabel("Code", { exact: true }).fill(code);
  await expect(inside()).toBeVisible();
  await signOut(page);
  await maren.givePassword(page);
  await page.getByLabel("Code", { exact: true }).fill(code);
  await expect(page.getByRole("alert")).toContainText("This code was not accepted");
});

test("so does a recovery code", async () => {
  const [first = ""] = maren.recoveryCodes;
  for (const works of [true, false]) {
    await page.getByRole("button", { name: "Use a recovery code" }).click();
    await page.getByLabel("Recovery code").fill(first);
    await page.getByRole("button", { name: "Confirm" }).click();
    if (!works) break;
    await expect(inside()).toBeVisible();
    await signOut(page);
    await maren.givePassword(page);
  }
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByRole("button", { name: "Use a code of your authenticator app" }).click();
  await maren.giveCode(page);
  await expect(inside()).toBeVisible();
});

test("a passkey is added and signs in alone", async () => {
  await page.goto(at("/account"));
  await proved(async () => {
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByLabel("Name of this passkey").fill("Test device");
    await page.getByRole("button", { name: "Make the passkey" }).click();
  }, page.getByText("Test device"));
  await signOut(page);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(inside()).toBeVisible();
});

test("another session is seen and ended", async ({ browser }) => {
  const elsewhere = await browser.newPage();
  await elsewhere.goto(installation.address);
  await maren.signIn(elsewhere);
  await page.goto(at("/account"));
  await expect(page.getByText("this one")).toHaveCount(1);
  await page.getByRole("button", { name: "End all others" }).click();
  await expect(page.getByText(/^\d+ sessions? ended$/)).toBeVisible();
  await elsewhere.goto(installation.address);
  await expect(elsewhere.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await elsewhere.close();
});

test("somebody is invited, and the invitation is revoked", async () => {
  await page.goto(at("/people"));
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const form = page.getByRole("dialog", { name: "Invite somebody" });
  await form.getByLabel("E-mail").fill("tomas@northgate.example");
  await form.getByLabel("Role").selectOption("staff_operator");
  await proved(
    () => form.getByRole("button", { name: "Send the invitation" }).click(),
    page.getByText("The invitation to tomas@northgate.example is on its way"),
  );
  await page.getByRole("link", { name: "Invitations" }).click();
  const row = page.getByRole("row", { name: /tomas@northgate.example/ });
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("button", { name: "Revoke invitation" }).click();
  await expect(row.getByText("Revoked").or(page.getByText("No invitations"))).toBeVisible();
});

test("a token is made, shown once and revoked", async () => {
  await page.goto(at("/settings/tokens"));
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("Ticket bridge");
  await page.getByRole("group", { name: "Site", exact: true }).getByLabel("Read").check();
  const token = page.getByRole("dialog", { name: "Copy the token now" }).locator("code");
  await proved(() => page.getByRole("button", { name: "Make the token" }).click(), token);
  await expect(token).toHaveText(/^plt_/);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await page.getByRole("button", { name: "Revoke Ticket bridge" }).click();
  await proved(
    () => page.getByRole("button", { name: "Revoke token" }).click(),
    page.getByText("“Ticket bridge” is revoked"),
  );
});

test("every new page answers", async () => {
  for (const [address, heading] of [
    ["/account", "Your account"],
    ["/people", "People"],
    ["/people/invitations", "People"],
    ["/people/second-factors", "People"],
    ["/emergency", "Emergency access"],
    ["/settings/providers", "Settings"],
    ["/settings/approvals", "Settings"],
    ["/settings/tokens", "Settings"],
    ["/settings/mail", "Settings"],
    ["/settings/keys", "Settings"],
    ["/audit?outcome=denied", "Audit log"],
  ] as const) {
    await test.step(address, async () => {
      await page.goto(at(address));
      await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
      await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
      await expect(page.locator("main").getByRole("alert")).toHaveCount(0);
    });
  }
});

test("the audit log goes away as CSV", async () => {
  await page.goto(at("/audit"));
  const download = page.waitForEvent("download");
  await proved(() => page.getByRole("button", { name: "Export CSV" }).click(), page.getByText(/ downloaded$/));
  expect((await download).suggestedFilename()).toMatch(/\.csv$/);
});

test("links that are too old say so", async () => {
  for (const address of ["/invitation#nonsense", "/reset", "/confirm-email"]) {
    await page.goto(at(address));
    await expect(page.getByRole("alert")).toContainText(/does not work any more|Not found|did not accept/);
  }
});

test("a wrong way back from a provider ends at the sign-in page with words", async () => {
  await page.context().clearCookies();
  await page.goto(at("/login?problem=flow_unknown"));
  await expect(page.getByRole("alert")).toContainText("This sign-in was not begun here, or is too old");
});
