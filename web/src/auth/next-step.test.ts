import { describe, expect, it } from "vitest";
import type { FactorSummary } from "../api/types";
import { codeDigits, nextStep, proofsOf, safeReturn } from "./next-step";

const none: FactorSummary = { totp: false, passkeys: 0, recovery_codes_left: 0, required: "any" };

describe("after a password", () => {
  const now = Date.parse("2026-11-29T02:00:00Z");
  const session = (factors: Partial<FactorSummary>, stepped_up_until: string | null = null) => ({
    assurance: "password" as const,
    stepped_up_until,
    factors: { ...none, ...factors },
  });

  it.each<[Partial<FactorSummary>, string]>([
    [{}, "enrol"],
    [{ totp: true }, "prove"],
    [{ passkeys: 1 }, "prove"],
    [{ recovery_codes_left: 4 }, "enrol"],
    [{ totp: true, required: "passkey" }, "prove"],
    [{ passkeys: 2, required: "passkey" }, "prove"],
  ])("%j leads to %s", (factors, step) => {
    expect(nextStep(session(factors), now)).toBe(step);
  });

  it("a factor that the policy does not take leads to one that it takes", () => {
    const factors = { totp: true, required: "passkey" } as const;
    expect(nextStep(session(factors, "2026-11-29T02:04:00Z"), now)).toBe("enrol");
    expect(nextStep(session(factors, "2026-11-29T01:59:59Z"), now)).toBe("prove");
  });

  it("a full session goes in whatever it has", () => {
    expect(nextStep({ ...session({}), assurance: "full" }, now)).toBe("app");
  });
});

it("offers only the proofs that a person has", () => {
  expect(proofsOf({ factors: none })).toEqual([]);
  expect(proofsOf({ factors: { ...none, totp: true, passkeys: 1, recovery_codes_left: 9 } })).toEqual([
    "passkey",
    "code",
    "recovery",
  ]);
});

it.each([
  ["123456", "123456"],
  [" 123 456\n", "123456"],
  ["12-34-56-78", "123456"],
  ["abc", ""],
])("the code in %j is %j", (text, digits) => expect(codeDigits(text)).toBe(digits));

it.each([
  ["/sites?q=a#b", "/sites?q=a#b"],
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
  ["https://evil.example", "/"],
  ["javascript:alert(1)", "/"],
  ["/a\nb", "/"],
  ["", "/"],
  [null, "/"],
])("going back to %j goes to %s", (address, path) => expect(safeReturn(address)).toBe(path));
