import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type ErrorKind } from "./errors";
import { csrfToken, request } from "./http";

const problem = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/problem+json", ...headers } });

let answer: (url: string, init: RequestInit) => Promise<Response>;
const sent: { url: string; init: RequestInit }[] = [];

beforeEach(() => {
  sent.length = 0;
  vi.stubGlobal("document", { cookie: "a=1; __Host-csrf=nonce.mac%3D; b=2" });
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    sent.push({ url, init });
    return answer(url, init);
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const failure = async (call: Promise<unknown>): Promise<ApiError> => {
  const error = await call.then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
};
const header = (name: string) => new Headers(sent[0]?.init.headers).get(name);

describe("a request", () => {
  it("sends the CSRF token on writes and only there", async () => {
    answer = async () => Response.json({});
    await request("/api/x");
    expect(header("x-csrf-token")).toBeNull();
    sent.length = 0;
    await request("/api/x", { method: "POST", body: { a: 1 } });
    expect(header("x-csrf-token")).toBe("nonce.mac=");
    expect(header("content-type")).toBe("application/json");
    expect(sent[0]?.init.body).toBe('{"a":1}');
  });

  it("gives nothing for 204", async () => {
    answer = async () => new Response(null, { status: 204 });
    expect(await request("/api/x", { method: "DELETE" })).toBeUndefined();
  });

  it.each<[number, ErrorKind]>([
    [401, "signed_out"],
    [403, "forbidden"],
    [404, "not_found"],
    [409, "conflict"],
    [422, "invalid"],
    [429, "rate_limited"],
    [500, "server"],
    [503, "unavailable"],
  ])("turns %i into %s with the request id", async (status, kind) => {
    answer = async () => problem(status, { code: "some_code", detail: "Words.", request_id: "req_1" });
    const error = await failure(request("/api/x"));
    expect(error).toMatchObject({ kind, status, code: "some_code", detail: "Words.", requestId: "req_1" });
  });

  it("reads field errors and the wait", async () => {
    const errors = [{ field: "name", code: "required", detail: "This is missing" }, { nonsense: true }, null];
    answer = async () => problem(422, { errors }, { "Retry-After": "12" });
    const error = await failure(request("/api/x"));
    expect(error.fields).toEqual([errors[0]]);
    expect(error.retryAfter).toBe(12);
  });

  it("survives an error page that is not JSON", async () => {
    answer = async () => new Response("<html>Bad gateway", { status: 502, headers: { "X-Request-Id": "req_2" } });
    expect(await failure(request("/api/x"))).toMatchObject({ kind: "unavailable", requestId: "req_2" });
  });

  it("calls an answer that cannot be parsed malformed", async () => {
    answer = async () => new Response("{", { headers: { "X-Request-Id": "req_3" } });
    expect(await failure(request("/api/x"))).toMatchObject({ kind: "malformed", requestId: "req_3" });
  });

  it("calls an unreachable server offline", async () => {
    answer = () => Promise.reject(new TypeError("Failed to fetch"));
    expect((await failure(request("/api/x"))).kind).toBe("offline");
  });

  it("gives up after its time-out", async () => {
    answer = (_url, init) =>
      new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    expect((await failure(request("/api/x", { timeoutMs: 1 }))).kind).toBe("timeout");
  });

  it("passes the caller's abort on as it is", async () => {
    answer = (_url, init) =>
      new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    const controller = new AbortController();
    const call = request("/api/x", { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("the CSRF cookie", () => {
  it("is found by its whole name", () => {
    expect(csrfToken("x__Host-csrf=1; __Host-csrf=2")).toBe("2");
    expect(csrfToken("__Host-csrf2=1")).toBeUndefined();
    expect(csrfToken("")).toBeUndefined();
  });
});
