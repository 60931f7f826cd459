import { describe, expect, it } from "vitest";
import { exact, lasting, relative, rfc3339, toLocalInput } from "./time";

const now = Date.parse("2026-11-22T12:00:00Z");
const ago = (seconds: number) => relative(now - seconds * 1000, now);

describe("a relative time", () => {
  it.each([
    [0, "just now"],
    [12, "12 s ago"],
    [89, "89 s ago"],
    [90, "2 min ago"],
    [3600, "60 min ago"],
    [3 * 3600, "3 h ago"],
    [3 * 86_400, "3 d ago"],
    [-600, "in 10 min"],
    [40 * 86_400, "13 Oct 2026"],
  ])("%d seconds back is %s", (seconds, text) => expect(ago(seconds)).toBe(text));
});

it("says how long something lasts", () => {
  expect(lasting(now - 90_000, now)).toBe("for 2 min");
  expect(lasting(now + 5000, now)).toBe("for 0 s");
  expect(lasting(now - 60 * 86_400_000, now)).toBe("since 23 Sept 2026");
});

it("is exact to the second, with the zone", () => {
  expect(exact(now)).toMatch(/^Sun,? 22 Nov 2026.*12:00:00 (UTC|GMT)$/);
});

it("goes into an input and into the API without loss", () => {
  expect(toLocalInput(now)).toBe("2026-11-22T12:00");
  expect(rfc3339(now + 123)).toBe("2026-11-22T12:00:00Z");
});
