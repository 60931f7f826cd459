/**
 * One request to the server: time-out, abort, CSRF header, problem+json.
 *
 * Promises: every call ends (30 s at most); it resolves with the parsed answer or rejects with
 * an `ApiError`, or with the caller's own abort. Knows nothing of React, routes or caches, so the
 * sign-in page can use it before any of them is loaded.
 */

import { isBackground } from "./activity";
import { ApiError, type FieldError, kindOfStatus } from "./errors";
import { noteAnswer } from "./reach";

const TIME_OUT_MS = 30_000;

export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

/** The readable half of the double-submit pair; absent before sign-in. */
export function csrfToken(cookies: string = document.cookie): string | undefined {
  for (const pair of cookies.split(";")) {
    const [name, ...value] = pair.trim().split("=");
    if (name === "__Host-csrf") return decodeURIComponent(value.join("="));
  }
  return undefined;
}

let confirmIdentity: (() => Promise<void>) | undefined;

/**
 * What to do when the server wants a fresh proof of who asks: `confirm` resolves when the person
 * gave one, and rejects with the reason when not. The request is then sent once more.
 */
export function onStepUp(confirm: (() => Promise<void>) | undefined): void {
  confirmIdentity = confirm;
}

/**
 * A session gets another token whenever its person proves something, and the one before is worth nothing from then on. What
 * was under way with it is refused before anything is done, perhaps before the answer with the new one is here: it waits for
 * such an answer, from this tab or another, and is sent once more if one came.
 */
const otherTabMs = 500;
const changing = new Set<Promise<unknown>>();

async function sendUnderNewToken(url: string, options: RequestOptions): Promise<Response> {
  const token = csrfToken();
  try {
    return await sendOnce(url, options);
  } catch (error) {
    if (!token || !(error instanceof ApiError) || error.code !== "no_session") throw error;
    await Promise.allSettled(changing);
    if (csrfToken() === token) await new Promise((resolve) => setTimeout(resolve, otherTabMs));
    if (options.signal?.aborted) throw options.signal.reason;
    const now = csrfToken();
    if (!now || now === token) throw error;
    return sendOnce(url, options);
  }
}

/** Sends one request and hands back the raw answer; only for answers that are not JSON. */
export async function send(url: string, options: RequestOptions = {}): Promise<Response> {
  try {
    return await sendUnderNewToken(url, options);
  } catch (error) {
    if (!confirmIdentity || !(error instanceof ApiError) || error.code !== "step_up_required") throw error;
    await confirmIdentity();
    if (options.signal?.aborted) throw options.signal.reason;
    return sendUnderNewToken(url, options);
  }
}

async function sendOnce(url: string, options: RequestOptions): Promise<Response> {
  const answer = exchange(url, options);
  // What is done under this path may bring another token.
  if (options.method === undefined || !url.startsWith("/api/auth/")) return answer;
  changing.add(answer);
  return answer.finally(() => changing.delete(answer));
}

async function exchange(url: string, options: RequestOptions): Promise<Response> {
  const method = options.method ?? "GET";
  const headers = new Headers({ Accept: "application/json, application/problem+json", ...options.headers });
  if (isBackground()) headers.set("X-Background", "1");
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  if (method !== "GET") {
    const token = csrfToken();
    if (token) headers.set("X-CSRF-Token", token);
  }

  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIME_OUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal,
      credentials: "same-origin",
      redirect: "error",
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    noteAnswer(response.status < 500);
    if (!response.ok) throw await refusal(response);
    return response;
  } catch (error) {
    throw translate(error, options.signal, timeout);
  }
}

/** Sends one request and reads the answer as JSON (`undefined` for 204). */
export async function request<T>(url: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(url, options);
  if (response.status === 204) return undefined as T;
  const requestId = requestIdOf(response);
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    noteAnswer(false);
    throw new ApiError("offline", { requestId, cause: error });
  }
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new ApiError("malformed", { status: response.status, requestId, cause });
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const problem = await response
    .json()
    .then((body: unknown) => (isRecord(body) ? body : {}))
    .catch((): Record<string, unknown> => ({}));
  return new ApiError(kindOfStatus(response.status), {
    status: response.status,
    code: text(problem.code),
    detail: text(problem.detail),
    requestId: text(problem.request_id) ?? requestIdOf(response),
    retryAfter: retryAfterOf(response),
    fields: fieldErrors(problem.errors),
  });
}

function translate(error: unknown, caller: AbortSignal | undefined, timeout: AbortSignal): unknown {
  if (error instanceof ApiError) return error;
  if (caller?.aborted) return caller.reason ?? error;
  noteAnswer(false);
  if (timeout.aborted) return new ApiError("timeout", { cause: error });
  return new ApiError("offline", { cause: error });
}

function requestIdOf(response: Response): string | undefined {
  return response.headers.get("x-request-id") ?? undefined;
}

/** `Retry-After` is either seconds or a date. */
function retryAfterOf(response: Response): number | undefined {
  const value = response.headers.get("retry-after");
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds));
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).flatMap((item) => {
    const field = text(item.field);
    return field ? [{ field, code: text(item.code) ?? "", detail: text(item.detail) ?? "" }] : [];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
