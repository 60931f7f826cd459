import { expect, it } from "vitest";
import type { BreakGlass } from "../api/types";
import { activeNow } from "./active";

const now = Date.parse("2026-11-29T02:00:00Z");
const item = (id: string, state: BreakGlass["state"], expires_at: string | null) =>
  ({ id, state, expires_at }) as BreakGlass;

it("counts what is active and has not run out", () => {
  const items = [
    item("a", "active", "2026-11-29T02:00:01Z"),
    item("b", "active", "2026-11-29T02:00:00Z"),
    item("c", "requested", null),
    item("d", "ended", "2026-11-29T05:00:00Z"),
  ];
  expect(activeNow(items, now).map(({ id }) => id)).toEqual(["a"]);
});
