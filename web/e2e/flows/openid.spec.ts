/**
 * Signing in with a certified OpenID provider in a real browser: what its cookies let through, and
 * where it ends up. The provider is another site for the browser: 127.0.0.1 beside localhost.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, type Page, test } from "@playwright/test";
import { AuthenticatorApp } from "../authenticator";
import { Installation, missing } from "./installation";
import { api } from "./person";

test.describe.configure({ mode: "serial" });
test.skip(missing !== undefined, missing);

let installation: Installation;
let provider: ChildProcess;
let issuer: string;
let admin: Page;
let providerId: string;

test.beforeAll(async ({ browser }) => {
  installation = await Installation.start();
  const redirect = `${installation.address}/api/auth/oidc/callback`;
  provider = spawn("node", ["scripts/openid-provider.mjs", redirect], { stdio: ["pipe", "pipe", "ignore"] });
  issuer = await new Promise<string>((resolve, reject) => {
    provider.on("exit", () => reject(new Error("the provider ended")));
    createInterface({ input: provider.stdout as NodeJS.ReadableStream }).once("line", resolve);
  });
  admin = await browser.newPage();
  await admin.goto(installation.bootstrapLink);
  const token = installation.bootstrapLink.split("#")[1];
  const person = { name: "Maren Rausch", email: "maren@northgate.example", password: "three unrelated garden words" };
  expect((await api(admin, "POST", "/api/auth/bootstrap", { token, ...person })).status).toBe(201);
  const begun = await api(admin, "POST", "/api/auth/factors/totp");
  const code = await new AuthenticatorApp(begun.body.secret as string).code();
  expect((await api(admin, "POST", "/api/auth/factors/totp/confirm", { code })).status).toBe(200);
  const added = await api(admin, "POST", "/api/oidc/providers", {
    name: "Clinic",
    kind: "openid",
    issuer,
    client_id: "proofline-test",
    client_secret: "melon ferry thirteen",
    allowed_domains: ["clinic.example"],
  });
  expect(added.status).toBe(201);
  providerId = added.body.id as string;
});

test.afterAll(async () => {
  provider?.stdin?.end();
  await admin?.close();
  await installation?.stop();
});

/**
 * Goes to the provider, through its pages, and wherever that ends: the last address that the browser
 * was sent to. What the page then writes into the address bar is the page's own.
 */
async function throughTheProvider(page: Page, request: Record<string, unknown>): Promise<URL> {
  // Its pages want a typeface from elsewhere.
  await page.context().route(/googleapis/, (route) => route.abort());
  let sent = "";
  page.on("request", (request) => {
    if (request.isNavigationRequest()) sent = request.url();
  });
  await page.goto(`${installation.address}/login`);
  const begun = await api(page, "POST", `/api/auth/providers/${providerId}/start`, request);
  expect(begun.status).toBe(200);
  await page.goto(begun.body.authorization_url as string, { waitUntil: "domcontentloaded" });
  while (page.url().startsWith(issuer)) {
    const login = page.locator("input[name=login]");
    if ((await login.count()) > 0) {
      await login.fill("eve");
      await page.locator("input[name=password]").fill("anything");
    }
    await Promise.all([
      page.waitForNavigation({ waitUntil: "domcontentloaded" }),
      page.locator("button[type=submit]").click(),
    ]);
  }
  return new URL(sent);
}

test("somebody unknown waits, is let in, and comes back signed in to the page that they wanted", async ({
  browser,
}) => {
  const page = await browser.newPage();
  const waits = await throughTheProvider(page, {});
  expect(waits.origin).toBe(installation.address);
  expect(waits.pathname + waits.search).toBe("/login?problem=awaiting_approval");
  expect((await api(page, "GET", "/api/auth/session")).status).toBe(401);

  const waiting = await api(admin, "GET", "/api/oidc/approvals");
  const [approval] = waiting.body.items as { id: string; email: string }[];
  expect(approval?.email).toBe("eve@clinic.example");
  const approve = `/api/oidc/approvals/${approval?.id}/approve`;
  expect((await api(admin, "POST", approve, { role: "staff_readonly" })).status).toBe(200);

  const returns: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/auth/oidc/callback")) returns.push(request.url());
  });
  const signedIn = await throughTheProvider(page, { return_to: "/sites" });
  expect(signedIn.origin).toBe(installation.address);
  // The strict cookies that came with the way back are there for the page it led to.
  const session = await api(page, "GET", "/api/auth/session");
  expect(session.status).toBe(200);
  expect((session.body.user as { name: string }).name).toBe("Dr eve");
  expect((await api(page, "POST", "/api/auth/logout")).status).toBe(204);

  // The way back leads nobody else in, and nobody twice.
  const other = await browser.newPage();
  for (const visitor of [other, page]) {
    const led = await visitor.goto(returns.at(-1) as string);
    expect(led?.url()).toBe(`${installation.address}/login?problem=flow_unknown`);
    expect((await api(visitor, "GET", "/api/auth/session")).status).toBe(401);
  }
  await other.close();
  await page.close();
});

test("the cookie of the way is the browser's alone and comes along from elsewhere; the session's does not", async ({
  browser,
}) => {
  const page = await browser.newPage();
  await throughTheProvider(page, {});
  const cookies = await page.context().cookies(installation.address);
  const named = (name: string) => cookies.find((cookie) => cookie.name === name);
  expect(named("__Host-oidc")).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
  expect(named("__Host-session")).toMatchObject({ httpOnly: true, secure: true, sameSite: "Strict", path: "/" });
  await page.close();
});

test("nobody is sent out of the app", async ({ browser }) => {
  const page = await browser.newPage();
  await page.goto(`${installation.address}/login`);
  for (const evil of [
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "/%5cevil.example",
  ]) {
    const refused = await api(page, "POST", `/api/auth/providers/${providerId}/start`, { return_to: evil });
    expect(refused.status, evil).toBe(422);
  }
  const landed = await throughTheProvider(page, { return_to: "/sites/../incidents?state=all#//evil.example" });
  expect(landed.origin).toBe(installation.address);
  await page.close();
});
