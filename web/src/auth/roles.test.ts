import { expect, it } from "vitest";
import { levelOf, roleMeaning, roleNames, rolesGivenBy, rolesInstead, roleWord } from "./roles";

it("every role has words of its own", () => {
  expect(roleNames).toHaveLength(9);
  expect(new Set(roleNames.map(roleWord)).size).toBe(9);
  expect(new Set(roleNames.map(roleMeaning)).size).toBe(9);
});

it("nobody gives a role above their own place", () => {
  expect(rolesGivenBy("staff_admin")).toEqual(roleNames);
  expect(rolesGivenBy("partner_admin").some((role) => levelOf(role) === "platform")).toBe(false);
  expect(rolesGivenBy("practice_owner").every((role) => levelOf(role) === "practice")).toBe(true);
  for (const role of ["staff_readonly", "partner_technician", "partner_billing", "practice_viewer", "new_role"]) {
    expect(rolesGivenBy(role)).toEqual([]);
  }
});

it("a change of role keeps the level", () => {
  expect(rolesInstead("practice_viewer", "staff_admin")).toEqual([
    "practice_owner",
    "practice_manager",
    "practice_viewer",
  ]);
  expect(rolesInstead("staff_admin", "partner_admin")).toEqual([]);
});
