import { describe, expect, it } from "vitest";
import { codeWords } from "./code-words";
import { sentenceFor, wordsFor } from "./error-words";
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
    const conflict = new ApiError("conflict", { code: "never_heard_of", detail: "Somebody decided already." });
    expect(wordsFor(conflict).advice).toBe("Somebody decided already.");
    expect(wordsFor(new ApiError("server", { detail: "pool exhausted" })).advice).not.toContain("pool");
  });

  it("of a code go before those of its kind", () => {
    const refused = new ApiError("forbidden", { code: "code_refused" });
    expect(wordsFor(refused).title).toBe("This code was not accepted");
    expect(wordsFor(new ApiError("forbidden", { code: "never_heard_of" }))).toEqual(
      wordsFor(new ApiError("forbidden")),
    );
  });

  it("keep the wait, whatever the code says", () => {
    const tooMany = new ApiError("rate_limited", { code: "code_refused", retryAfter: 40 });
    expect(wordsFor(tooMany).advice).toContain("40 seconds");
  });

  it("are different for every code, and sentences", () => {
    const all = Object.values(codeWords);
    expect(new Set(all.map(({ title, advice }) => title + advice)).size).toBe(all.length);
    for (const { title, advice } of all) {
      expect(title).toMatch(/^[A-Z].*[^.]$/);
      expect(advice).toMatch(/^[A-Z].*\.$/);
    }
    expect(sentenceFor(new ApiError("forbidden", { code: "last_admin" }))).toMatch(
      /^This is the last administrator\. /,
    );
  });

  it("of a request that was taken for a forgery do not blame the role", () => {
    for (const code of ["csrf_refused", "origin_refused"]) {
      const said = sentenceFor(new ApiError("forbidden", { code, status: 403 }));
      expect(said).not.toContain("role");
      expect(said).toMatch(/reload the page/i);
    }
  });

  it("exist for a fault in our own code too", () => {
    expect(wordsFor(new TypeError("x is undefined")).title).toBe(wordsFor(new ApiError("malformed")).title);
  });
});
