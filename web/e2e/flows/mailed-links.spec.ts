/** What comes by mail, on the real server: an invitation that makes somebody a member, and a link in place of a password. */

import { expect, type Page, test } from "@playwright/test";
import { Installation, missing } from "./installation";
import { api, bootstrap, Person, signOut } from "./person";

test.describe.configure({ mode: "serial" });
test.skip(missing !== undefined, missing);

const maren = new Person("Maren Rausch", "maren@northgate.example");
const ana = new Person("Ana Flores", "ana@sunrise.example");

let installation: Installation;
let page: Page;

test.beforeAll(async ({ browser }) => {
  installation = await Installation.start();
  page = await browser.newPage();
  await bootstrap(page, installation.bootstrapLink, maren);
  const partner = await api(page, "POST", "/api/partners", { name: "Northgate IT" });
  const org = await api(page, "POST", "/api/organisations", {
    name: "Sunrise Dermatology",
    partner_id: partner.body.id,
  });
  const invitation = { email: ana.email, role: "practice_owner", org_id: org.body.id };
  expect((await api(page, "POST", "/api/invitations", invitation)).status).toBe(201);
  await signOut(page);
});

test.afterAll(async () => {
  await page?.close();
  await installation?.stop();
});

async function mailed(to: string, kind: string): Promise<string> {
  await expect.poll(() => installation.mailedLink(to, kind), { timeout: 20_000 }).toBeTruthy();
  return installation.mailedLink(to, kind) ?? "";
}

test("an invitation makes somebody a member", async () => {
  await page.goto(await mailed(ana.email, "invitation"));
  await expect(page.getByText(/invites you as practice owner of Sunrise Dermatology/)).toBeVisible();
  await page.getByLabel("Your name").fill(ana.name);
  await page.getByLabel("Password", { exact: true }).fill(ana.password);
  await page.getByRole("button", { name: "Accept the invitation" }).click();
  await ana.protect(page);
  await expect(page.getByRole("navigation", { name: "Main" }).first()).toBeVisible();
  await signOut(page);
});

test("a link takes the place of the password, once", async () => {
  await page.getByRole("link", { name: "Sign in with a link" }).click();
  await page.getByLabel("E-mail").fill(ana.email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByRole("heading", { name: "Look into your mail" })).toBeVisible();
  const link = await mailed(ana.email, "sign-in-link");
  await page.goto(link);
  await expect(page).not.toHaveURL(/#/);
  // Opening it is not using it: the button is.
  await page.goto("about:blank");
  await page.goto(link);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await ana.giveCode(page);
  await expect(page.getByRole("navigation", { name: "Main" }).first()).toBeVisible();
  await signOut(page);
  await page.goto(link);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("This link does not work any more");
});
