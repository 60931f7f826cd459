/** The nine roles: where they are held, what they are called, what they mean to the person. */

export type Level = "platform" | "partner" | "practice";

interface RoleInfo {
  level: Level;
  word: string;
  /** Ends "you can …" and "they can …". */
  means: string;
}

const roles: Record<string, RoleInfo> = {
  staff_admin: {
    level: "platform",
    word: "administrator",
    means: "change everything in this installation, people and keys included",
  },
  staff_operator: { level: "platform", word: "operator", means: "run the fleet of all clients" },
  staff_readonly: { level: "platform", word: "read-only", means: "look at all clients, and change nothing" },
  partner_admin: {
    level: "partner",
    word: "partner administrator",
    means: "run the partner: its clinics, its people, and what may heal there",
  },
  partner_technician: { level: "partner", word: "technician", means: "look after the clinics of the partner" },
  partner_billing: {
    level: "partner",
    word: "billing",
    means: "see which clinics the partner has, nothing of how they stand",
  },
  practice_owner: {
    level: "practice",
    word: "practice owner",
    means: "answer for the practice, and decide who of it signs in",
  },
  practice_manager: { level: "practice", word: "practice manager", means: "run the practice from day to day" },
  practice_viewer: { level: "practice", word: "practice viewer", means: "look at how the practice stands" },
};

export const roleNames = Object.keys(roles);
export const roleWord = (role: string): string => roles[role]?.word ?? role;
export const roleMeaning = (role: string): string => roles[role]?.means ?? "";
/** A role of a newer server belongs to the level that sees least. */
export const levelOf = (role: string): Level => roles[role]?.level ?? "practice";

export const levelWord: Record<Level, string> = { platform: "Platform", partner: "Partner", practice: "Practice" };

const below: Record<string, Level[]> = {
  staff_admin: ["platform", "partner", "practice"],
  staff_operator: ["partner", "practice"],
  partner_admin: ["partner", "practice"],
  practice_owner: ["practice"],
};

/** The roles that somebody of this role may give. The server decides again. */
export function rolesGivenBy(role: string): string[] {
  return roleNames.filter((name) => below[role]?.includes(levelOf(name)));
}

/** A role of the same level can replace another: a person does not move between places. */
export const rolesInstead = (current: string, byRole: string): string[] =>
  rolesGivenBy(byRole).filter((name) => levelOf(name) === levelOf(current));
