/**
 * Passkeys, with the browser's own virtual authenticator: the first account is protected with one,
 * it signs in alone, confirms after a password, and confirms again before what matters most.
 */

import { type CDPSession, expect, type Page, test } from "@playwright/test";
import { Installation, missing } from "./installation";

const person = { name: "Maren Rausch", email: "maren@northgate.example", password: "three unrelated garden words" };

test.describe.configure({ mode: "serial" });
test.skip(missing !== undefined, missing);

let installation: Installation;
let page: Page;
let devtools: CDPSession;
let authenticatorId: string;
const problems: string[] = [];

test.beforeAll(async ({ browser }) => {
  installation = await Installation.start();
  page = await browser.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  // The virtual authenticator answers a question in a field by itself, before anybody picks anything: none is asked.
  await page.addInitScript(() => {
    PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
  });
  devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  ({ authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  }));
});

test.afterAll(async () => {
  await page?.close();
  await installation?.stop();
});

test.afterEach(() => expect(problems).toEqual([]));

/** Whether whoever holds the authenticator shows the right finger. */
const verifies = (isUserVerified: boolean) =>
  devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });

const heldPasskeys = async () => (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials;

const personMenu = () => page.getByRole("button", { name: /account and appearance/ });

async function signOut() {
  await personMenu().click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
}

async function openAccount() {
  await personMenu().click();
  await page.getByRole("link", { name: "Your account" }).click();
  await expect(page.getByRole("heading", { name: "Second factors" })).toBeVisible();
}

test("the first account is protected with a passkey before anything else", async () => {
  await page.goto(installation.bootstrapLink);
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("heading", { name: "Protect your account" })).toBeVisible();
  await page.getByRole("button", { name: "A passkey" }).click();
  await page.getByLabel("Name of this passkey").fill("Work laptop");
  await page.getByRole("button", { name: "Make the passkey" }).click();
  await expect(page.getByRole("heading", { name: "Keep your recovery codes" })).toBeVisible();
  await expect(page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem")).toHaveCount(10);
  await page.getByLabel("I have kept them").check();
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(personMenu()).toBeVisible();
  const [passkey, ...others] = await heldPasskeys();
  expect(others).toEqual([]);
  expect(passkey).toMatchObject({ isResidentCredential: true, rpId: "localhost" });
});

test("the passkey alone signs in", async () => {
  await signOut();
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(personMenu()).toBeVisible();
});

test("without the right finger it does not", async () => {
  await signOut();
  await verifies(false);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await verifies(true);
});

test("after the password it is the second factor", async () => {
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Confirm that it is you" })).toBeVisible();
  await page.getByRole("button", { name: "Use your passkey" }).click();
  await expect(personMenu()).toBeVisible();
});

test("the account page lists it, and keeps the last one", async () => {
  await openAccount();
  await expect(page.getByText("Work laptop")).toBeVisible();
  await expect(page.getByRole("button", { name: "Remove Work laptop" })).toHaveAttribute("aria-disabled", "true");
});

test("the same device is not asked for a second one", async () => {
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByRole("button", { name: "Make the passkey" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("has a passkey for you already");
  expect(await heldPasskeys()).toHaveLength(1);
});

test("a passkey that the device lost opens nothing", async () => {
  await page.goto(installation.address);
  await signOut();
  await devtools.send("WebAuthn.clearCredentials", { authenticatorId });
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});
