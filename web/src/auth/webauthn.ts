/**
 * Passkeys in the browser: the server's JSON in, the authenticator's answer as JSON out. Whatever
 * the browser says instead becomes an `ApiError` with a code, and so gets words like all others.
 */

import { ApiError } from "../api/errors";
import type { CreationOptions, RequestOptions } from "../api/types";

export const passkeysHere = (): boolean => typeof PublicKeyCredential !== "undefined" && "credentials" in navigator;

/** Whether the browser offers passkeys in the field for the user name. */
export async function offersInField(): Promise<boolean> {
  if (!passkeysHere() || !PublicKeyCredential.isConditionalMediationAvailable) return false;
  return PublicKeyCredential.isConditionalMediationAvailable().catch(() => false);
}

/** Makes a passkey on this device or a key at hand. */
export async function createPasskey(options: CreationOptions): Promise<object> {
  const { excludeCredentials, ...rest } = options;
  const publicKey = {
    ...rest,
    challenge: bytesOf(options.challenge),
    user: { ...options.user, id: bytesOf(options.user.id) },
    ...(excludeCredentials ? { excludeCredentials: excludeCredentials.map(descriptor) } : {}),
  } as unknown as PublicKeyCredentialCreationOptions;
  const credential = await ask(() => navigator.credentials.create({ publicKey }));
  const response = credential.response as AuthenticatorAttestationResponse;
  return {
    ...head(credential),
    response: {
      clientDataJSON: textOf(response.clientDataJSON),
      attestationObject: textOf(response.attestationObject),
      transports: response.getTransports(),
    },
  };
}

/** Proves that a passkey is here. With `inField` it waits until the person picks one in the field. */
export async function askPasskey(
  options: RequestOptions,
  { inField = false, signal }: { inField?: boolean; signal?: AbortSignal } = {},
): Promise<object> {
  const { allowCredentials, ...rest } = options;
  const publicKey = {
    ...rest,
    challenge: bytesOf(options.challenge),
    ...(allowCredentials ? { allowCredentials: allowCredentials.map(descriptor) } : {}),
  } as unknown as PublicKeyCredentialRequestOptions;
  const credential = await ask(() =>
    navigator.credentials.get({
      publicKey,
      ...(inField ? { mediation: "conditional" as const } : {}),
      ...(signal ? { signal } : {}),
    }),
  );
  const response = credential.response as AuthenticatorAssertionResponse;
  return {
    ...head(credential),
    response: {
      clientDataJSON: textOf(response.clientDataJSON),
      authenticatorData: textOf(response.authenticatorData),
      signature: textOf(response.signature),
      ...(response.userHandle ? { userHandle: textOf(response.userHandle) } : {}),
    },
  };
}

async function ask(question: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!passkeysHere()) throw new ApiError("forbidden", { code: "passkey_unsupported" });
  try {
    const credential = await question();
    if (credential) return credential as PublicKeyCredential;
  } catch (cause) {
    throw new ApiError("forbidden", { code: codeOf(cause), cause });
  }
  throw new ApiError("forbidden", { code: "passkey_cancelled" });
}

/** The browser tells little, so that no page learns who has which key. */
export function codeOf(error: unknown): string {
  switch (error instanceof Error ? error.name : "") {
    case "InvalidStateError":
      return "passkey_exists";
    case "NotSupportedError":
    case "SecurityError":
      return "passkey_unsupported";
    default:
      return "passkey_cancelled";
  }
}

function head(credential: PublicKeyCredential) {
  return {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    ...(credential.authenticatorAttachment ? { authenticatorAttachment: credential.authenticatorAttachment } : {}),
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

const descriptor = <D extends { id: string }>(entry: D) => ({ ...entry, id: bytesOf(entry.id) });

/** Base64url without padding, as WebAuthn's JSON spells bytes. */
export function textOf(buffer: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
