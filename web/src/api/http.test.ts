import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type ErrorKind } from "./errors";
import { csrfToken, request } from "./http";
import { onReach, serverAnswers } from "./reach";

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

describe("a request under way while the session gets another token", () => {
  const noSession = () => problem(401, { code: "no_session" });
  const newToken = () => vi.stubGlobal("document", { cookie: "__Host-csrf=newer" });
  const gate = () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => void (open = resolve));
    return { opened, open: () => open() };
  };
  const ofSites = () => sent.filter(({ url }) => url === "/api/sites").length;

  it("is sent once more when the answer that brings it is here, refused before or not", async () => {
    for (const refusedFirst of [true, false]) {
      sent.length = 0;
      vi.stubGlobal("document", { cookie: "__Host-csrf=older" });
      const [proved, refused] = [gate(), gate()];
      answer = async (url) => {
        if (url !== "/api/sites") {
          await proved.opened;
          newToken();
          return Response.json({});
        }
        await refused.opened;
        return document.cookie.includes("newer") && ofSites() > 1 ? Response.json({ items: [] }) : noSession();
      };
      const reading = request("/api/sites");
      const proving = request("/api/auth/second-factor/totp", { method: "POST", body: {} });
      (refusedFirst ? refused : proved).open();
      await new Promise((resolve) => setTimeout(resolve, 5));
      (refusedFirst ? proved : refused).open();
      expect(await reading).toEqual({ items: [] });
      await proving;
      expect(ofSites()).toBe(2);
    }
  });

  it("waits for another tab, and takes the new token along", async () => {
    vi.useFakeTimers();
    answer = async (_url, init) =>
      new Headers(init.headers).get("x-csrf-token") === "newer" ? Response.json({}) : noSession();
    const writing = request("/api/sites", { method: "POST", body: {} });
    await vi.advanceTimersByTimeAsync(100);
    newToken();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await writing).toEqual({});
  });

  it("is refused for good where no other token came, and after the second refusal", async () => {
    vi.useFakeTimers();
    answer = async () => noSession();
    for (const comes of [false, true]) {
      sent.length = 0;
      const reading = failure(request("/api/sites"));
      if (comes) newToken();
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await reading).kind).toBe("signed_out");
      expect(ofSites()).toBe(comes ? 2 : 1);
    }
  });

  it("is not sent again when nobody is signed in any more, nor when its caller went away", async () => {
    vi.useFakeTimers();
    answer = async () => noSession();
    const signedOut = failure(request("/api/sites"));
    vi.stubGlobal("document", { cookie: "" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await signedOut).kind).toBe("signed_out");
    vi.stubGlobal("document", { cookie: "__Host-csrf=older" });
    const controller = new AbortController();
    const left = expect(request("/api/sites", { signal: controller.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    await vi.advanceTimersByTimeAsync(100);
    controller.abort();
    newToken();
    await vi.advanceTimersByTimeAsync(1_000);
    await left;
    expect(ofSites()).toBe(2);
  });
});

describe("the CSRF cookie", () => {
  it("is found by its whole name", () => {
    expect(csrfToken("x__Host-csrf=1; __Host-csrf=2")).toBe("2");
    expect(csrfToken("__Host-csrf2=1")).toBeUndefined();
    expect(csrfToken("")).toBeUndefined();
  });
});

describe("whether the server answers", () => {
  it("is known from every request", async () => {
    const told: boolean[] = [];
    const stop = onReach(() => told.push(serverAnswers()));
    const ask = (with_: typeof answer, options = {}) => {
      answer = with_;
      return request("/api/x", options).catch(() => undefined);
    };
    await ask(async () => problem(503, {}));
    expect(serverAnswers()).toBe(false);
    await ask(async () => problem(404, {}));
    expect(serverAnswers()).toBe(true);
    await ask(() => Promise.reject(new TypeError("unreachable")));
    expect(serverAnswers()).toBe(false);
    await ask(async () => Response.json({}));
    expect(serverAnswers()).toBe(true);
    // Whoever no longer wants an answer learns nothing about the server.
    await ask((_, init) => Promise.reject(init.signal?.reason), { signal: AbortSignal.abort() });
    await ask((_, init) => new Promise((_, reject) => init.signal?.addEventListener("abort", reject)), {
      timeoutMs: 1,
    });
    expect(serverAnswers()).toBe(false);
    await ask(async () => Response.json({}));
    stop();
    expect(told).toEqual([false, true, false, true, false, true]);
  });
});
