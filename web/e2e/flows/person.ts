/** A person of the flows: what they know, what they hold, and how they get in. */

import { expect, type Page } from "@playwright/test";
import { AuthenticatorApp } from "../authenticator";

export class Person {
  readonly name: string;
  readonly email: string;
  password: string;
  app: AuthenticatorApp | undefined;
  recoveryCodes: string[] = [];

  constructor(name: string, email: string, password = "three unrelated garden words") {
    this.name = name;
    this.email = email;
    this.password = password;
  }

  /** On the page "Protect your account": connects an app and keeps the recovery codes. */
  async protect(page: Page): Promise<void> {
    await expect(page.getByRole("heading", { name: "Protect your account" })).toBeVisible();
    await page.getByRole("button", { name: "An authenticator app" }).click();
    this.app = new AuthenticatorApp((await page.getByTestId("totp-secret").textContent()) ?? "");
    await page.getByLabel("Code", { exact: true }).fill(await this.app.code());
    const codes = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
    await expect(codes).toHaveCount(10);
    this.recoveryCodes = await codes.allTextContents();
    await page.getByLabel("I have kept them").check();
    await page.getByRole("button", { name: "Go on" }).click();
  }

  async givePassword(page: Page, password = this.password): Promise<void> {
    await page.getByLabel("E-mail").fill(this.email);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  }

  async giveCode(page: Page): Promise<void> {
    await expect(page.getByRole("heading", { name: "Confirm that it is you" })).toBeVisible();
    if (!this.app) throw new Error(`${this.name} has no authenticator app`);
    await page.getByLabel("Code", { exact: true }).fill(await this.app.code());
  }

  /** From the sign-in page to inside. */
  async signIn(page: Page): Promise<void> {
    await this.givePassword(page);
    await this.giveCode(page);
    await expect(page.getByRole("navigation", { name: "Main" }).first()).toBeVisible();
  }

  /** In the dialog that asks for a fresh proof. */
  async stepUp(page: Page): Promise<void> {
    const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
    await expect(dialog).toBeVisible();
    if (!this.app) throw new Error(`${this.name} has no authenticator app`);
    // What it asks for comes a moment after it, and may be a passkey first.
    const other = dialog.getByRole("button", { name: "Use a code", exact: true });
    const code = dialog.getByLabel("Code of your authenticator app");
    await expect(other.or(code)).toBeVisible();
    if (await other.isVisible()) await other.click();
    await code.fill(await this.app.code());
    await expect(dialog).toHaveCount(0);
  }
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** A request of the page itself, with the cookies that the browser sends along. */
export function api(page: Page, method: string, path: string, body?: unknown): Promise<Answer> {
  return page.evaluate(
    async ([method, path, body]) => {
      const csrf = /__Host-csrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
      const headers = { "content-type": "application/json", "x-csrf-token": csrf };
      const answer = await fetch(path, method === "GET" ? {} : { method, headers, body });
      const text = await answer.text();
      return { status: answer.status, body: text ? JSON.parse(text) : {} };
    },
    [method, path, JSON.stringify(body ?? {})] as const,
  );
}

export async function signOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: /account and appearance/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByText("You signed out.")).toBeVisible();
}

/** The first account of an installation, protected. */
export async function bootstrap(page: Page, link: string, person: Person): Promise<void> {
  await page.goto(link);
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await person.protect(page);
  await expect(page.getByRole("heading", { name: "Welcome" })).toBeVisible();
}
