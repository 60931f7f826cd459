/** The second factors of a test: an authenticator app in a few lines, and a passkey that is not there. */

import { createHmac } from "node:crypto";
import type { Page } from "@playwright/test";

const stepMs = 30_000;

/** An app that shows codes (RFC 6238). A code counts once: asked again, it waits for the next half minute. */
export class AuthenticatorApp {
  private readonly key: Buffer;
  private lastStep = -1;

  constructor(secret: string) {
    this.key = fromBase32(secret);
  }

  async code(): Promise<string> {
    // One that is about to change could be late at the server.
    const remaining = stepMs - (Date.now() % stepMs);
    if (step() <= this.lastStep || remaining < 3_000) {
      await new Promise((resolve) => setTimeout(resolve, remaining + 200));
    }
    this.lastStep = step();
    return codeOf(this.key, this.lastStep);
  }
}

const step = () => Math.floor(Date.now() / stepMs);

function codeOf(key: Buffer, counter: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const digest = createHmac("sha1", key).update(message).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

function fromBase32(text: string): Buffer {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...text.toUpperCase().replace(/[\s=]/g, "")]
    .map((char) => alphabet.indexOf(char).toString(2).padStart(5, "0"))
    .join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/**
 * Gives the page a device that holds passkeys, and whose owner always says yes: also to the offer in
 * the field for the e-mail address, which is therefore made only when `inField` says so.
 */
export async function withPasskeys(page: Page, { inField = false } = {}): Promise<void> {
  if (!inField) {
    await page.addInitScript(() => {
      if (typeof PublicKeyCredential === "undefined") return;
      PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
    });
  }
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable");
  await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}
