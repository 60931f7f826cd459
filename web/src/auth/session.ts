/** The session as the server tells it, and the calls that begin, strengthen and end it. */

import { ApiError } from "../api/errors";
import { request } from "../api/http";
import type {
  AuthStatus,
  BootstrapRequest,
  Ceremony,
  InvitationLook,
  OfferedProvider,
  RequestOptions,
  Session,
} from "../api/types";

const post = <T>(url: string, body: object = {}) => request<T>(url, { method: "POST", body });

export const fetchSession = (signal?: AbortSignal) => request<Session>("/api/auth/session", { signal });
export const fetchStatus = () => request<AuthStatus>("/api/auth/status");
export const fetchProviders = () => request<{ items: OfferedProvider[] }>("/api/auth/providers");

export const signIn = (email: string, password: string) => post<Session>("/api/auth/login", { email, password });
export const bootstrap = (body: BootstrapRequest) => post<Session>("/api/auth/bootstrap", body);
export const signOut = () => request<void>("/api/auth/logout", { method: "POST" });

export const proveByCode = (code: string) => post<Session>("/api/auth/second-factor/totp", { code });
export const proveByRecoveryCode = (code: string) =>
  post<Session>("/api/auth/second-factor/recovery-code", { code: code.trim() });

/** Where a passkey is asked for: instead of a password, or beside one. */
export type PasskeyAt = "/api/auth/passkey" | "/api/auth/second-factor/passkey";
export const passkeyOptions = (at: PasskeyAt) => post<Ceremony<RequestOptions>>(`${at}/options`);
export const passkeyAnswer = (at: PasskeyAt, ceremony_id: string, credential: object) =>
  post<Session>(at, { ceremony_id, credential });

/** From the question to the session, in one go. */
export async function proveByPasskey(at: PasskeyAt): Promise<Session> {
  const [{ askPasskey }, { ceremony_id, public_key }] = await Promise.all([import("./webauthn"), passkeyOptions(at)]);
  return passkeyAnswer(at, ceremony_id, await askPasskey(public_key));
}

export const askForSignInLink = (email: string) => post<void>("/api/portal/link", { email });
export const signInByLink = (token: string) => post<Session>("/api/portal/session", { token });
export const askForReset = (email: string) => post<void>("/api/auth/password-reset", { email });
export const setPassword = (token: string, password: string) =>
  post<void>("/api/auth/password-reset/confirm", { token, password });
export const confirmEmail = (token: string) => post<void>("/api/auth/email/confirm", { token });
export const lookAtInvitation = (token: string) => post<InvitationLook>("/api/auth/invitation/look", { token });
export const acceptInvitation = (token: string, name: string, password: string) =>
  post<Session>("/api/auth/invitation/accept", { token, name, password });

const returnKey = "proofline.return_to";

/** Sends the browser to a provider, and keeps where to come back to. */
export async function goToProvider(start: () => Promise<{ authorization_url: string }>, back: string): Promise<void> {
  const { authorization_url: address } = await start();
  sessionStorage.setItem(returnKey, back);
  location.assign(address);
}

/** Where the person was before going to the provider; asking forgets it. */
export function takeReturn(): string | null {
  const back = sessionStorage.getItem(returnKey);
  sessionStorage.removeItem(returnKey);
  return back;
}

/** Begins a sign-in with a provider. A page that the server does not send people to is left out. */
export async function startProvider(id: string, return_to: string): Promise<{ authorization_url: string }> {
  const url = `/api/auth/providers/${encodeURIComponent(id)}/start`;
  try {
    return await post(url, { return_to });
  } catch (error) {
    if (error instanceof ApiError && error.kind === "invalid") return post(url);
    throw error;
  }
}

/** Why the sign-in page is shown to someone who was inside. */
export type LeaveReason = "signed_out" | "expired" | "other_tab" | "second_factor";
