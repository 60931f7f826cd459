import { expect, it } from "vitest";
import { timeLeft } from "./idle-warning";

const start = Date.parse("2026-11-22T12:00:00Z");
const session = { expires_at: "2026-11-22T13:00:00Z" };
const idle = 15 * 60_000;

it("counts from the last activity", () => {
  expect(timeLeft(session, idle, start, start)).toBe(idle);
  expect(timeLeft(session, idle, start, start + idle)).toBe(0);
});

it("never goes beyond the absolute end", () => {
  expect(timeLeft(session, idle, start + 59 * 60_000, start + 59 * 60_000)).toBe(60_000);
});
