/** The mock's routes about access: providers, approvals, tokens, keys, restricted clients, break-glass. */

import type { Access, Approval, BreakGlass, KeyRotation, Provider, SealingKey, Token } from "../../src/api/types.ts";
import { permissionsOf } from "./accounts.ts";
import { day, hour, iso, minute, now } from "./clock.ts";
import { organisations } from "./fleet.ts";
import { missing, page, Refusal, required, type Route } from "./kit.ts";
import { users } from "./people-routes.ts";
import { Random } from "./random.ts";

const random = new Random(808);

const providers: Provider[] = [
  {
    id: "prov_01",
    name: "Google",
    kind: "google",
    issuer: "https://accounts.google.com",
    client_id: "407408718192.apps.googleusercontent.example",
    allowed_domains: ["northgate.example"],
    partner_id: null,
    org_id: null,
    enabled: true,
    created_at: iso(now() - 60 * day),
  },
  {
    id: "prov_02",
    name: "Microsoft",
    kind: "microsoft",
    issuer: "https://login.microsoftonline.com/2f1c9a3e-7a41-4a0e-9a3c-1d1c5a7e0b11/v2.0",
    client_id: "6731de76-14a6-49ae-97bc-6eba6914391e",
    allowed_domains: ["northgate.example", "keystone.example"],
    partner_id: null,
    org_id: null,
    enabled: false,
    created_at: iso(now() - 12 * day),
  },
];

const approvals: Approval[] = [
  {
    id: "apr_1",
    email: "kim.nguyen@northgate.example",
    name: "Kim Nguyen",
    provider_id: "prov_01",
    provider_name: "Google",
    requested_at: iso(now() - 50 * minute),
  },
  {
    id: "apr_2",
    email: "b.jansen@keystone.example",
    name: "Bram Jansen",
    provider_id: "prov_02",
    provider_name: "Microsoft",
    requested_at: iso(now() - 28 * hour),
  },
];

const tokens: Token[] = [
  {
    id: "tok_1",
    name: "Ticket system",
    prefix: "plt_9f3k",
    actions: ["incident.read", "site.read", "incident.escalate"],
    created_at: iso(now() - 30 * day),
    created_by: "Maren Rausch",
    expires_at: iso(now() + 60 * day),
    last_used_at: iso(now() - 4 * minute),
    revoked_at: null,
  },
  {
    id: "tok_2",
    name: "Old reporting job",
    prefix: "plt_q2wz",
    actions: ["overview.read"],
    created_at: iso(now() - 200 * day),
    created_by: "Tomás Ibarra",
    expires_at: iso(now() - 20 * day),
    last_used_at: null,
    revoked_at: iso(now() - 25 * day),
  },
];

const keys: SealingKey[] = [
  { purpose: "master", id: "mk_7c19f0", state: "current", since: iso(now() - 20 * day), rows_sealed: 412 },
  { purpose: "master", id: "mk_02ab44", state: "earlier", since: iso(now() - 390 * day), rows_sealed: 3 },
  { purpose: "checkpoint", id: "1f0c77aa21", state: "current", since: iso(now() - 400 * day) },
  { purpose: "orders", id: "99be120d4f", state: "current", since: iso(now() - 400 * day) },
  { purpose: "rules", id: "c40de7715b", state: "current", since: iso(now() - 30 * day) },
];

const first = organisations[0];
const rotations: KeyRotation[] = [
  {
    id: random.id("krot"),
    purpose: "checkpoint",
    key_id: keys.find((key) => key.purpose === "checkpoint")?.id ?? "",
    reason: "The engineer who set the server up has left",
    overlap_hours: 24,
    state: "requested",
    asked_at: iso(now() - 2 * hour),
    expires_at: iso(now() + 22 * hour),
    decided_by_name: null,
    decided_at: null,
  },
  {
    id: random.id("krot"),
    purpose: "orders",
    key_id: keys.find((key) => key.purpose === "orders")?.id ?? "",
    reason: "A copy of the keys folder was on a laptop that is lost",
    overlap_hours: 1,
    state: "requested",
    asked_at: iso(now() - 3 * hour),
    expires_at: iso(now() + 21 * hour),
    decided_by_name: null,
    decided_at: null,
  },
  {
    id: random.id("krot"),
    purpose: "rules",
    key_id: "07d2ba9e61",
    reason: "Once a year",
    overlap_hours: 24,
    state: "carried_out",
    asked_at: iso(now() - 32 * day),
    expires_at: iso(now() - 30 * day),
    decided_by_name: "Maren Rausch",
    decided_at: iso(now() - 31 * day),
  },
];

const glass: BreakGlass[] = first
  ? [
      {
        id: "bg_1",
        org_id: organisations[4]?.id ?? first.id,
        org_name: organisations[4]?.name ?? first.name,
        state: "requested",
        asked_by: users[1]?.id ?? "",
        asked_by_name: users[1]?.name ?? "",
        requested_at: iso(now() - 6 * minute),
        reason: "The backup job fails and nobody with a grant is on duty tonight",
        ticket: "NG-4711",
        hours: 2,
        approved_by_name: null,
        expires_at: null,
        ended_at: null,
      },
      {
        id: "bg_2",
        org_id: first.id,
        org_name: first.name,
        state: "ended",
        asked_by: users[2]?.id ?? "",
        asked_by_name: users[2]?.name ?? "",
        requested_at: iso(now() - 9 * day),
        reason: "Ransomware note reported by the front desk",
        ticket: "NG-4620",
        hours: 4,
        approved_by_name: "Maren Rausch",
        expires_at: iso(now() - 9 * day + 4 * hour),
        ended_at: iso(now() - 9 * day + 2 * hour),
      },
    ]
  : [];

const restricted = new Map<string, Access>();

function accessOf(id: string | undefined): Access {
  const org = organisations.find((o) => o.id === id) ?? missing();
  let access = restricted.get(org.id);
  if (!access) {
    access = {
      restricted: org.restricted,
      grants:
        org === organisations[0]
          ? [
              {
                user_id: users[1]?.id ?? "",
                user_name: users[1]?.name ?? "",
                granted_by: "Dr. Elena Marsh",
                granted_at: iso(now() - 3 * day),
                expires_at: iso(now() + 4 * day),
              },
            ]
          : [],
      break_glass: [],
    };
    restricted.set(org.id, access);
  }
  return { ...access, break_glass: glass.filter((item) => item.org_id === org.id) };
}

const glassOf = (id: string | undefined) => glass.find((item) => item.id === id) ?? missing();

export const accessRoutes: Route[] = [
  ["GET", /^\/api\/oidc\/providers$/, ({ query }) => ({ body: page(providers, query) })],
  [
    "POST",
    /^\/api\/oidc\/providers$/,
    ({ body }) => {
      const { client_secret: _, ...rest } = body;
      const issuer = required(body, "issuer");
      if (!issuer.startsWith("https://"))
        throw new Refusal(422, "invalid", "", [
          { field: "issuer", code: "not_https", detail: "An issuer is an https address" },
        ]);
      const made = {
        ...rest,
        id: random.id("prov"),
        partner_id: body.partner_id ?? null,
        org_id: null,
        enabled: true,
        created_at: iso(now()),
      } as unknown as Provider;
      providers.push(made);
      return { status: 201, body: made };
    },
  ],
  [
    "PATCH",
    /^\/api\/oidc\/providers\/([^/]+)$/,
    ({ body }, id) => {
      const provider = providers.find((p) => p.id === id) ?? missing();
      const { client_secret: _, ...rest } = body;
      Object.assign(provider, rest);
      return { body: provider };
    },
  ],
  [
    "DELETE",
    /^\/api\/oidc\/providers\/([^/]+)$/,
    (_, id) => {
      const provider = providers.find((p) => p.id === id) ?? missing();
      providers.splice(providers.indexOf(provider), 1);
      return { status: 204 };
    },
  ],
  ["GET", /^\/api\/oidc\/approvals$/, ({ query }) => ({ body: page(approvals, query) })],
  [
    "POST",
    /^\/api\/oidc\/approvals\/([^/]+)\/(approve|reject)$/,
    ({ body }, id, verb) => {
      const approval = approvals.find((a) => a.id === id) ?? missing();
      if (verb === "approve") required(body, "role");
      approvals.splice(approvals.indexOf(approval), 1);
      return { body: {} };
    },
  ],
  [
    "GET",
    /^\/api\/tokens\/actions$/,
    ({ account }) => ({
      body: {
        items: permissionsOf(account.role).filter((action) =>
          /^(overview|site|appliance|incident|code|audit)\./.test(action),
        ),
      },
    }),
  ],
  ["GET", /^\/api\/tokens$/, ({ query }) => ({ body: page(tokens, query) })],
  [
    "POST",
    /^\/api\/tokens$/,
    ({ body, account }) => {
      const secret = `plt_${random.id("x").slice(4)}${random.id("x").slice(4)}`;
      const item: Token = {
        id: random.id("tok"),
        name: required(body, "name"),
        prefix: secret.slice(0, 8),
        actions: body.actions as string[],
        created_at: iso(now()),
        created_by: account.name,
        expires_at: iso(now() + Number(body.expires_in_days) * day),
        last_used_at: null,
        revoked_at: null,
      };
      tokens.unshift(item);
      return { status: 201, body: { token: secret, item } };
    },
  ],
  [
    "DELETE",
    /^\/api\/tokens\/([^/]+)$/,
    (_, id) => {
      (tokens.find((t) => t.id === id) ?? missing()).revoked_at = iso(now());
      return { status: 204 };
    },
  ],
  ["GET", /^\/api\/system\/keys$/, () => ({ body: { items: keys } })],
  ["GET", /^\/api\/system\/key-rotations$/, () => ({ body: { items: rotations } })],
  [
    "POST",
    /^\/api\/system\/key-rotations\/([^/]+)\/(approve|reject)$/,
    ({ account }, id, verb) => {
      const item = rotations.find((rotation) => rotation.id === id) ?? missing();
      if (item.state !== "requested") throw new Refusal(409, "already_decided");
      item.state = verb === "approve" ? "approved" : "rejected";
      item.decided_by_name = account.name;
      item.decided_at = iso(now());
      item.expires_at = iso(now() + day);
      return { body: item };
    },
  ],
  ["GET", /^\/api\/organisations\/([^/]+)\/access$/, (_, id) => ({ body: accessOf(id) })],
  [
    "PUT",
    /^\/api\/organisations\/([^/]+)\/access$/,
    ({ body }, id) => {
      accessOf(id);
      const access = restricted.get(id as string) as Access;
      access.restricted = Boolean(body.restricted);
      (organisations.find((o) => o.id === id) ?? missing()).restricted = access.restricted;
      return { body: accessOf(id) };
    },
  ],
  [
    "POST",
    /^\/api\/organisations\/([^/]+)\/grants$/,
    ({ body, account }, id) => {
      accessOf(id);
      const user = users.find((u) => u.id === body.user_id) ?? missing();
      (restricted.get(id as string) as Access).grants.push({
        user_id: user.id,
        user_name: user.name,
        granted_by: account.name,
        granted_at: iso(now()),
        expires_at: typeof body.expires_at === "string" ? body.expires_at : null,
      });
      return { status: 201, body: {} };
    },
  ],
  [
    "DELETE",
    /^\/api\/organisations\/([^/]+)\/grants\/([^/]+)$/,
    (_, id, user) => {
      accessOf(id);
      const access = restricted.get(id as string) as Access;
      access.grants = access.grants.filter((grant) => grant.user_id !== user);
      return { status: 204 };
    },
  ],
  [
    "POST",
    /^\/api\/organisations\/([^/]+)\/break-glass$/,
    ({ body, account }, id) => {
      const org = organisations.find((o) => o.id === id) ?? missing();
      const item: BreakGlass = {
        id: random.id("bg"),
        org_id: org.id,
        org_name: org.name,
        state: "requested",
        asked_by: account.id,
        asked_by_name: account.name,
        requested_at: iso(now()),
        reason: required(body, "reason"),
        ticket: required(body, "ticket"),
        hours: Number(body.hours),
        approved_by_name: null,
        expires_at: null,
        ended_at: null,
      };
      glass.unshift(item);
      return { status: 201, body: item };
    },
  ],
  ["GET", /^\/api\/break-glass$/, ({ query }) => ({ body: page(glass, query) })],
  [
    "POST",
    /^\/api\/break-glass\/([^/]+)\/approve$/,
    ({ account }, id) => {
      const item = glassOf(id);
      // The mock has nobody else: with a ticket of SELF one may approve one's own, to see the banner.
      if (item.asked_by === account.id && item.ticket !== "SELF") throw new Refusal(403, "second_person_needed");
      item.state = "active";
      item.approved_by_name = account.name;
      item.expires_at = iso(now() + item.hours * hour);
      return { body: item };
    },
  ],
  [
    "POST",
    /^\/api\/break-glass\/([^/]+)\/end$/,
    (_, id) => {
      const item = glassOf(id);
      item.state = "ended";
      item.ended_at = iso(now());
      return { body: item };
    },
  ],
];
