import { expect, it } from "vitest";
import { incidentStateNames } from "../api/types";
import { plainly } from "./plain";

it.each(incidentStateNames)("says in plain words what %s means", (state) => {
  expect(plainly(state)).not.toMatch(/runbook|rule|audit|appliance|escalat|approv|suppress|verif/i);
});

it("takes a state of a newer server for an open one", () => {
  expect(plainly("something newer")).toBe(plainly("open"));
});
