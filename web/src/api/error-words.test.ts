import { describe, expect, it } from "vitest";
import { wordsFor } from "./error-words";
import { ApiError, type ErrorKind } from "./errors";

const kinds: ErrorKind[] = [
  "offline",
  "timeout",
  "signed_out",
  "forbidden",
  "not_found",
  "conflict",
  "invalid",
  "rate_limited",
  "unavailable",
  "server",
  "malformed",
];

describe("the words of an error", () => {
  it("are different for every kind", () => {
    expect(new Set(kinds.map((kind) => wordsFor(new ApiError(kind)).title)).size).toBe(kinds.length);
  });

  it("say how long to wait", () => {
    expect(wordsFor(new ApiError("rate_limited", { retryAfter: 30 })).advice).toContain("30 seconds");
    expect(wordsFor(new ApiError("rate_limited", { retryAfter: 600 })).advice).toContain("10 minutes");
  });

  it("take the server's safe detail where the person can act on it", () => {
    expect(wordsFor(new ApiError("conflict", { detail: "Somebody decided already." })).advice).toBe(
      "Somebody decided already.",
    );
    expect(wordsFor(new ApiError("server", { detail: "pool exhausted" })).advice).not.toContain("pool");
  });

  it("exist for a fault in our own code too", () => {
    expect(wordsFor(new TypeError("x is undefined")).title).toBe(wordsFor(new ApiError("malformed")).title);
  });
});
