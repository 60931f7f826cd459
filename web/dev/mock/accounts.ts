/**
 * Who can sign in to the mock, with any password but `wrong`. The beginning of the address picks
 * the role: `readonly@`, `operator@`, `partner@`, `technician@`, `billing@`, `owner@`, `manager@`,
 * `viewer@`; everybody else is an administrator. `new@` has no second factor yet, `passkey@` only
 * passkeys. Any six digits but 000000 are the right code.
 */

import { permission } from "../../src/api/identity.ts";
import { roleNames } from "../../src/auth/roles.ts";
import type { Passkey, Session } from "../../src/api/types.ts";
import { day, hour, iso, minute, now } from "./clock.ts";
import { installation } from "./evidence.ts";
import { organisations, partners } from "./fleet.ts";
import { Random } from "./random.ts";

export interface Account {
  id: string;
  name: string;
  email: string;
  role: string;
  partner_id: string | null;
  org_id: string | null;
  totp: string | null;
  passkeys: Passkey[];
  recovery: number;
  required: "any" | "passkey";
}

export interface MockSession {
  id: string;
  account: Account;
  csrf: string;
  assurance: "password" | "full";
  steppedUpUntil: number;
  created: number;
}

const random = new Random(4711);

const people: Record<string, { role: string; name: string }> = {
  readonly: { role: "staff_readonly", name: "Jo Whitfield" },
  operator: { role: "staff_operator", name: "Tomás Ibarra" },
  partner: { role: "partner_admin", name: "Dana Kowalski" },
  technician: { role: "partner_technician", name: "Priya Raman" },
  billing: { role: "partner_billing", name: "Sam Ostrowski" },
  owner: { role: "practice_owner", name: "Dr. Elena Marsh" },
  manager: { role: "practice_manager", name: "Chris Vance" },
  viewer: { role: "practice_viewer", name: "Robin Hale" },
};

const accounts = new Map<string, Account>();

export function accountOf(email: string): Account {
  const known = accounts.get(email);
  if (known) return known;
  const { role, name } = people[email.split("@")[0] ?? ""] ?? { role: "staff_admin", name: "Maren Rausch" };
  const fresh = email.startsWith("new");
  const account: Account = {
    id: accounts.size === 0 && role === "staff_admin" ? "user_01k9m2v4c8q7r5t3w1x6y0z2aa" : random.id("user"),
    name,
    email,
    role,
    partner_id: role.startsWith("partner") ? (partners[0]?.id ?? null) : null,
    org_id: role.startsWith("practice") ? (organisations[0]?.id ?? null) : null,
    totp: fresh || email.startsWith("passkey") ? null : iso(now() - 40 * day),
    passkeys: fresh
      ? []
      : [
          {
            id: random.id("pk"),
            name: "Chrome on Windows computer",
            created_at: iso(now() - 40 * day),
            last_used_at: iso(now() - 3 * hour),
          },
        ],
    recovery: fresh ? 0 : 8,
    required: "any",
  };
  accounts.set(email, account);
  return account;
}

const own = ["session.read", "session.end", "partner.read", "organisation.read", "catalog.read"];
const looking = ["overview.read", "site.read", "appliance.read", "incident.read", "evidence.read", "events.subscribe"];
const technical = ["code.read", "order.read"];
const acting = ["site.create", "code.create", "code.revoke", "appliance.run_checks", "incident.approve"];
const staff = ["system.read", "settings.read", permission.seeKeys, permission.seeBreakGlass, permission.seeMail];
const peopleWork = [
  permission.seePeople,
  permission.changeRole,
  permission.suspend,
  permission.restore,
  permission.deletePerson,
  permission.seeInvitations,
  permission.invite,
  permission.resendInvitation,
  permission.revokeInvitation,
];
const access = [permission.seeAccess, permission.changeAccess, permission.grant, permission.revokeGrant];

const permissions: Record<string, string[]> = {
  staff_operator: [
    ...looking,
    ...technical,
    ...acting,
    ...staff,
    "evidence.export",
    "incident.escalate",
    "organisation.create",
    "partner.create",
    "audit.read",
    permission.seePeople,
    permission.seeAccess,
    permission.requestBreakGlass,
    permission.endBreakGlass,
  ],
  staff_readonly: [...looking, ...technical, ...staff, "evidence.export", "audit.read", permission.seePeople],
  partner_admin: [
    ...looking,
    ...technical,
    ...acting,
    ...peopleWork,
    "evidence.export",
    "incident.escalate",
    "organisation.create",
    "appliance.revoke",
    "appliance.set_mode",
    "audit.read",
    permission.exportAudit,
    permission.seeProviders,
    permission.seeApprovals,
    permission.decideApproval,
  ],
  partner_technician: [
    ...looking,
    ...technical,
    ...acting,
    "evidence.export",
    "incident.escalate",
    permission.seeTokens,
  ],
  partner_billing: [],
  practice_owner: [...looking, ...peopleWork, ...access, "evidence.export", "incident.escalate", "audit.read"],
  practice_manager: [...looking, "evidence.export", "incident.escalate", permission.seePeople],
  practice_viewer: looking,
};

const everything = [
  ...looking,
  ...technical,
  ...acting,
  "evidence.export",
  "incident.escalate",
  "partner.create",
  "organisation.create",
  "appliance.revoke",
  "appliance.set_mode",
  "audit.read",
  "system.read",
  "settings.read",
  "settings.update",
  ...Object.values(permission),
];

export function permissionsOf(role: string): string[] {
  if (!roleNames.includes(role)) throw new Error(`no role ${role}`);
  return [...new Set([...own, ...(permissions[role] ?? everything)])];
}

export function sessionBody({ account, assurance, steppedUpUntil }: MockSession): Session {
  return {
    user: {
      id: account.id,
      name: account.name,
      email: account.email,
      role: account.role,
      partner_id: account.partner_id,
      org_id: account.org_id,
    },
    expires_at: iso(now() + 24 * hour),
    idle_expires_at: iso(now() + 15 * minute),
    installation,
    permissions: permissionsOf(account.role),
    assurance,
    stepped_up_until: steppedUpUntil > Date.now() ? iso(steppedUpUntil) : null,
    factors: {
      totp: account.totp !== null,
      passkeys: account.passkeys.length,
      recovery_codes_left: account.recovery,
      required: account.required,
    },
  };
}
