import { afterEach, describe, expect, it, vi } from "vitest";
import { endOfDay, exact, lasting, relative, rfc3339, shortDateTime, startOfDay, toDay, toLocalInput } from "./time";

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

it("is exact to the minute, with the zone, where there is little room", () => {
  expect(shortDateTime(now)).toMatch(/^22\u00a0Nov\u00a02026, 12:00\u00a0(UTC|GMT)$/);
});

describe("a day", () => {
  afterEach(() => vi.unstubAllEnvs());
  it.each([
    ["UTC", "2026-11-30", "2026-11-30T00:00:00Z", "2026-11-30T23:59:59Z"],
    ["America/New_York", "2026-11-30", "2026-11-30T05:00:00Z", "2026-12-01T04:59:59Z"],
    // The clocks go back: 25 hours.
    ["America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z"],
    ["Pacific/Auckland", "2026-07-01", "2026-06-30T12:00:00Z", "2026-07-01T11:59:59Z"],
  ])("in %s, %s is from %s to %s", (zone, day, from, to) => {
    vi.stubEnv("TZ", zone);
    expect(rfc3339(startOfDay(day))).toBe(from);
    expect(rfc3339(endOfDay(day))).toBe(to);
    expect([from, to].map((at) => toDay(Date.parse(at)))).toEqual([day, day]);
  });
});

it("goes into an input and into the API without loss", () => {
  expect(toLocalInput(now)).toBe("2026-11-22T12:00");
  expect(rfc3339(now + 123)).toBe("2026-11-22T12:00:00Z");
});
