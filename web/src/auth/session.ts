/** The session as the server tells it, and the calls that begin and end it. */

import { request } from "../api/http";
import type { AuthStatus, BootstrapRequest, Session } from "../api/types";

export const fetchSession = (signal?: AbortSignal) => request<Session>("/api/auth/session", { signal });
export const fetchStatus = () => request<AuthStatus>("/api/auth/status");

export const signIn = (email: string, password: string) =>
  request<Session>("/api/auth/login", { method: "POST", body: { email, password } });

export const bootstrap = (body: BootstrapRequest) => request<Session>("/api/auth/bootstrap", { method: "POST", body });

export const signOut = () => request<void>("/api/auth/logout", { method: "POST" });

/** Why the sign-in page is shown to someone who was inside. */
export type LeaveReason = "signed_out" | "expired" | "other_tab";
