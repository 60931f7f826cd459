/** The mock's routes about other people: users, invitations, mail. */

import type { Invitation, Mail, User } from "../../src/api/types.ts";
import { levelOf, roleNames } from "../../src/auth/roles.ts";
import { day, hour, iso, minute, now } from "./clock.ts";
import { installation } from "./evidence.ts";
import { organisations, partners } from "./fleet.ts";
import { missing, page, Refusal, required, type Route } from "./kit.ts";
import { Random } from "./random.ts";

const random = new Random(1234);

const names = [
  "Tomás Ibarra",
  "Jo Whitfield",
  "Dana Kowalski",
  "Priya Raman",
  "Sam Ostrowski",
  "Dr. Elena Marsh",
  "Chris Vance",
  "Robin Hale",
  "Marcus Oyelaran",
  "Ines Caldeira",
  "Dr. Peter Lindqvist",
  "Hannah Brooks",
  "Wei Zhang",
  "Nadia Haddad",
  "Dr. Abigail Stern",
  "Luis Ferreira",
  "Grace Okafor",
  "Viktor Novak",
  "Dr. Samuel Adeyemi-Thornquist of the Northeastern Clinic Group",
  "Leah Goldberg",
];

function placeOf(role: string, i: number): Pick<User, "partner_id" | "org_id" | "place_name"> {
  const partner = partners[i % Math.max(1, partners.length)];
  const org = organisations[i % Math.max(1, organisations.length)];
  switch (levelOf(role)) {
    case "platform":
      return { partner_id: null, org_id: null, place_name: installation.name };
    case "partner":
      return { partner_id: partner?.id ?? null, org_id: null, place_name: partner?.name ?? "" };
    case "practice":
      return { partner_id: null, org_id: org?.id ?? null, place_name: org?.name ?? "" };
  }
}

export const users: User[] = [
  {
    id: "user_01k9m2v4c8q7r5t3w1x6y0z2aa",
    name: "Maren Rausch",
    email: "maren@northgate.example",
    role: "staff_admin",
    partner_id: null,
    org_id: null,
    place_name: installation.name,
    status: "active",
    created_at: iso(now() - 400 * day),
    last_seen_at: iso(now() - minute),
    second_factors: ["totp", "passkey"],
  },
  ...names.map((name, i): User => {
    const role = roleNames[(i + 1) % roleNames.length] as string;
    return {
      id: random.id("user"),
      name,
      email: `${name
        .toLowerCase()
        .replace(/[^a-z]+/g, ".")
        .slice(0, 40)}@${["northgate", "keystone", "sunrise"][i % 3]}.example`,
      role,
      ...placeOf(role, i),
      status: i === 6 ? "suspended" : "active",
      created_at: iso(now() - (i + 3) * 11 * day),
      last_seen_at: i === 9 ? null : iso(now() - i * i * 37 * minute),
      second_factors: i === 9 ? [] : i % 3 === 0 ? ["passkey"] : ["totp"],
    };
  }),
];

const invitations: Invitation[] = (
  [
    ["ana.silva@northgate.example", "staff_operator", "open", 3],
    ["front.desk@sunrise.example", "practice_viewer", "open", 30],
    ["old.colleague@keystone.example", "partner_technician", "expired", 24 * 12],
  ] as const
).map(([email, role, state, hours], i) => ({
  id: random.id("inv"),
  email,
  role,
  ...placeOf(role, i),
  invited_by: "Maren Rausch",
  created_at: iso(now() - hours * hour),
  expires_at: iso(now() - hours * hour + 7 * day),
  state,
}));

const mails: Mail[] = (
  [
    ["dr.marsh@sunrise.example", "Reset your password", "failed", 5, "550 5.1.1 mailbox unavailable", 50],
    ["ana.silva@northgate.example", "You are invited to Proofline", "queued", 1, "connection timed out", 8],
    ["front.desk@sunrise.example", "You are invited to Proofline", "sent", 1, null, 1800],
    ["maren@northgate.example", "A new passkey was added to your account", "sent", 1, null, 4000],
  ] as const
).map(([to, subject, state, attempts, last_error, minutes]) => ({
  id: random.id("mail"),
  to,
  subject,
  state,
  attempts,
  last_error,
  created_at: iso(now() - minutes * minute),
}));

const userOf = (id: string | undefined) => users.find((user) => user.id === id) ?? missing();
const invitationOf = (id: string | undefined) => invitations.find((i) => i.id === id) ?? missing();

const factorPolicy = roleNames.map((role) => ({ role: role as string, requirement: "any" }));

export const peopleRoutes: Route[] = [
  ["GET", /^\/api\/second-factor-policy$/, () => ({ body: { items: factorPolicy } })],
  [
    "PUT",
    /^\/api\/second-factor-policy$/,
    ({ body }) => {
      (factorPolicy.find(({ role }) => role === body.role) ?? missing()).requirement = required(body, "requirement");
      return { body: { items: factorPolicy } };
    },
  ],
  [
    "GET",
    /^\/api\/users$/,
    ({ query, account }) => {
      const search = (query.get("search") ?? "").toLowerCase();
      const level = levelOf(account.role);
      return {
        body: page(
          users.filter(
            (user) =>
              (level === "platform" ||
                (level === "partner" ? levelOf(user.role) !== "platform" : levelOf(user.role) === "practice")) &&
              `${user.name} ${user.email} ${user.place_name}`.toLowerCase().includes(search) &&
              (!query.get("role") || user.role === query.get("role")) &&
              (!query.get("status") || user.status === query.get("status")),
          ),
          query,
        ),
      };
    },
  ],
  ["GET", /^\/api\/users\/([^/]+)$/, (_, id) => ({ body: userOf(id) })],
  [
    "PATCH",
    /^\/api\/users\/([^/]+)$/,
    ({ body }, id) => {
      const user = userOf(id);
      user.role = required(body, "role");
      return { body: user };
    },
  ],
  [
    "DELETE",
    /^\/api\/users\/([^/]+)$/,
    ({ account }, id) => {
      const user = userOf(id);
      if (user.id === account.id) throw new Refusal(409, "oneself");
      users.splice(users.indexOf(user), 1);
      return { status: 204 };
    },
  ],
  [
    "POST",
    /^\/api\/users\/([^/]+)\/suspend$/,
    ({ body }, id) => {
      required(body, "reason");
      const user = userOf(id);
      user.status = "suspended";
      return { body: user };
    },
  ],
  [
    "POST",
    /^\/api\/users\/([^/]+)\/restore$/,
    (_, id) => {
      const user = userOf(id);
      user.status = "active";
      return { body: user };
    },
  ],
  [
    "POST",
    /^\/api\/users\/([^/]+)\/reset-factors$/,
    (_, id) => {
      const user = userOf(id);
      user.second_factors = [];
      return { body: user };
    },
  ],
  ["GET", /^\/api\/invitations$/, ({ query }) => ({ body: page(invitations, query) })],
  [
    "POST",
    /^\/api\/invitations$/,
    ({ body, account }) => {
      const email = required(body, "email");
      if (invitations.some((i) => i.email === email && i.state === "open")) throw new Refusal(409, "invitation_closed");
      if (users.some((user) => user.email === email)) throw new Refusal(409, "address_taken");
      const role = required(body, "role");
      const org = organisations.find((o) => o.id === body.org_id);
      const partner = partners.find((p) => p.id === body.partner_id);
      const made: Invitation = {
        id: random.id("inv"),
        email,
        role,
        partner_id: partner?.id ?? null,
        org_id: org?.id ?? null,
        place_name: org?.name ?? partner?.name ?? installation.name,
        invited_by: account.name,
        created_at: iso(now()),
        expires_at: iso(now() + 7 * day),
        state: "open",
      };
      invitations.unshift(made);
      return { status: 201, body: made };
    },
  ],
  [
    "DELETE",
    /^\/api\/invitations\/([^/]+)$/,
    (_, id) => {
      invitationOf(id).state = "revoked";
      return { status: 204 };
    },
  ],
  [
    "POST",
    /^\/api\/invitations\/([^/]+)\/resend$/,
    (_, id) => {
      const invitation = invitationOf(id);
      invitation.state = "open";
      invitation.expires_at = iso(now() + 7 * day);
      return { body: invitation };
    },
  ],
  [
    "GET",
    /^\/api\/mail$/,
    ({ query }) => ({
      body: page(
        mails.filter((m) => !query.get("state") || m.state === query.get("state")),
        query,
      ),
    }),
  ],
  [
    "POST",
    /^\/api\/mail\/([^/]+)\/retry$/,
    (_, id) => {
      const mail = mails.find((m) => m.id === id) ?? missing();
      mail.state = "queued";
      return { body: mail };
    },
  ],
];
