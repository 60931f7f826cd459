/**
 * The main job, on the real binaries: from the one-time link to a green cell whose evidence is
 * verified in the browser, and out again.
 */

import { expect, type Page, test } from "@playwright/test";
import { Installation, missing } from "./installation";
import { Person, signOut } from "./person";

const person = new Person("Maren Rausch", "maren@northgate.example");

test.describe.configure({ mode: "serial" });
test.skip(missing !== undefined, missing);

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
});

test.afterAll(async () => {
  await page?.close();
  await installation?.stop();
});

test.afterEach(() => expect(problems).toEqual([]));

const goTo = (name: string) =>
  page
    .getByRole("navigation", { name: "Main" })
    .getByRole("link", { name: new RegExp(`^${name}`) })
    .click();

/** Opens the first row of this page, not of the one before it, which stays until this one has come. */
const openFirst = async (name: string) => {
  await goTo(name);
  await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  await page.locator("main [data-row-link]").first().click();
};

test("the one-time link makes the first account, and leaves the address bar", async () => {
  await page.goto(installation.bootstrapLink);
  await expect(page.getByRole("heading", { name: "Create the first account" })).toBeVisible();
  expect(page.url()).not.toContain("token");
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill("password1234");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert").or(page.locator(".field-error:not(:empty)")).first()).toBeVisible();
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await person.protect(page);
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
});

test("partner, organisation, site and code lead to an enrolled agent", async () => {
  await page.getByRole("link", { name: "Add a site and an appliance" }).click();
  await page.getByLabel("Name of the new partner").fill("Northgate IT");
  await page.getByRole("button", { name: "Add partner" }).click();
  await page.getByLabel("Name of the new organisation").fill("Sunrise Dermatology");
  await page.getByRole("button", { name: "Add organisation" }).click();
  await page.getByLabel("Name of the new site").fill("Sunrise Dermatology, Main Street");
  await page.getByLabel("Time zone").selectOption("America/New_York");
  await page.getByRole("button", { name: "Add site" }).click();
  await page.getByRole("button", { name: "Make the code" }).click();
  const command = await page.locator("code", { hasText: "proofline-agent enroll" }).textContent();
  await expect(page.getByText("Waiting for the machine")).toBeVisible();
  installation.enrol(command ?? "");
  await expect(page.getByText(/joined\. Its first results/)).toBeVisible({ timeout: 30_000 });
  await page.getByRole("link", { name: "See its posture" }).click();
  await expect(page.getByRole("heading", { name: "Sunrise Dermatology, Main Street" })).toBeVisible();
});

test("posture appears by itself, with its coverage beside the score", async () => {
  const posture = page.getByRole("region", { name: "Posture" });
  await expect(posture.getByText(/of 100/)).toBeVisible({ timeout: 90_000 });
  await expect(posture.getByText(/% of controls assessed/)).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: "Live" })).toBeVisible();
});

test("a green cell is verified in the browser, step by step", async () => {
  const passing = page.locator("[data-row-link][aria-pressed]", { hasText: ": Pass" });
  for (const control of await page.locator("[data-row-link][aria-expanded=false]").all()) {
    await control.click();
    if ((await passing.count()) > 0) break;
  }
  await passing.first().click();
  const why = page.getByRole("complementary", { name: "Why" }).or(page.getByRole("dialog"));
  await expect(why.getByText("Why is this green?")).toBeVisible();
  await expect(why.getByText("Verified in this browser")).toBeVisible();
  await why.getByRole("link", { name: /^\d.* of \d/ }).click();
  await expect(page.getByRole("heading", { name: /Evidence entry/ })).toBeVisible();
  await expect(page.getByText("Every step holds")).toBeVisible();
  await expect(page.getByText("The signer's key was in force at this position")).toBeVisible();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Envelope" }).click();
  expect((await download).suggestedFilename()).toMatch(/\.dsse\.json$/);
});

test("what somebody changed on the way is seen", async () => {
  await page.route(/\/api\/.*\/evidence\/\d+$/, async (route) => {
    const response = await route.fetch();
    const entry = await response.json();
    const bytes = Buffer.from(entry.envelope_base64, "base64");
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    await route.fulfill({ response, json: { ...entry, envelope_base64: bytes.toString("base64") } });
  });
  await page.reload();
  await expect(page.getByText("This entry cannot be relied on")).toBeVisible();
  await page.unroute(/\/api\/.*\/evidence\/\d+$/);
});

test("every page of the console answers", async () => {
  for (const [link, heading] of [
    ["Overview", /need|Nothing|measured/],
    ["Incidents", "Incidents"],
    ["Sites", "Sites"],
    ["Appliances", "Appliances"],
    ["Audit log", "Audit log"],
    ["People", "People"],
    ["Emergency access", "Emergency access"],
    ["System health", "System health"],
    ["Settings", "Settings"],
  ] as const) {
    await goTo(link);
    await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
    await expect(page.locator("main").getByRole("alert")).toHaveCount(0);
  }
  await goTo("System health");
  await expect(page.getByText("Not WORM")).toBeVisible();
});

test("an incident says why nothing ran", async () => {
  await openFirst("Incidents");
  await expect(page.getByRole("heading", { name: /Why did nothing run\?|A person has to fix this/ })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Timeline" })).toBeVisible();
});

test("the log can be taken away", async () => {
  await openFirst("Sites");
  await page
    .getByRole("navigation", { name: "Site" })
    .getByRole("link", { name: /Evidence/ })
    .click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  // A proof of the last five minutes may still stand.
  const asked = page.getByRole("dialog", { name: "Confirm that it is you" });
  await expect(asked.or(page.getByText(/ downloaded$/))).toBeVisible();
  if (await asked.isVisible()) await person.stepUp(page);
  expect((await download).suggestedFilename()).toMatch(/\.tar$/);
});

test("signing out ends it everywhere", async () => {
  const address = page.url();
  await signOut(page);
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await person.givePassword(page, "not the password at all");
  await expect(page.getByRole("alert")).toContainText("E-mail or password is not right.");
  await person.givePassword(page);
  await person.giveCode(page);
  await expect(page.getByRole("heading", { name: "Sunrise Dermatology, Main Street" })).toBeVisible();
});
