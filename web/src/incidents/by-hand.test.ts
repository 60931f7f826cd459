import { expect, it } from "vitest";
import type { IncidentDetail } from "../api/types";
import { handedOver, isByHand } from "./by-hand";

const runbook = {} as IncidentDetail["runbook"];

it.each([
  ["open", null, true],
  ["open", runbook, false],
  ["escalated", null, true],
  ["escalated", runbook, true],
  ["suppressed", null, false],
  ["awaiting_approval", null, false],
])("%s with runbook %o: by hand is %s", (state, runbook, byHand) => {
  expect(isByHand({ state, runbook: runbook ?? null })).toBe(byHand);
});

it("knows when it was last handed to people, whatever was said since", () => {
  const step = (from: string, to: string, at: string) => ({ from, to, at, actor: "l1", cause: "" });
  const transitions = [
    step("open", "escalated", "2026-11-01T00:00:00Z"),
    step("escalated", "open", "2026-11-02T00:00:00Z"),
    step("open", "escalated", "2026-11-03T00:00:00Z"),
    step("escalated", "escalated", "2026-11-04T00:00:00Z"),
  ];
  expect(handedOver({ transitions })?.at).toBe("2026-11-03T00:00:00Z");
  expect(handedOver({ transitions: [] })).toBeUndefined();
});
