/** The mock's routes about oneself: factors, sessions, profile, identities. */

import { randomBytes } from "node:crypto";
import type { Factors, Identity, OwnSession, TotpStart } from "../../src/api/types.ts";
import { type Account, sessionBody } from "./accounts.ts";
import { day, hour, iso, minute, now } from "./clock.ts";
import { missing, Refusal, required, type Route } from "./kit.ts";
import { Random } from "./random.ts";

const random = new Random(99);
const challenge = () => randomBytes(32).toString("base64url");
const ceremony = () => random.id("cer");

export const offered = [
  { id: "prov_01", name: "Google", kind: "google" },
  { id: "prov_02", name: "Microsoft", kind: "microsoft" },
];

export const requestOptions = () => ({
  ceremony_id: ceremony(),
  public_key: { challenge: challenge(), rpId: "localhost", userVerification: "preferred", timeout: 300_000 },
});

/** Refuses `000000`, and asks to wait after `999999`. */
export function checkCode(code: unknown): void {
  if (code === "999999") throw new Refusal(429, "rate_limited");
  if (typeof code !== "string" || !/^\d{6}$/.test(code) || code === "000000") throw new Refusal(403, "code_refused");
}

function newRecoveryCodes(account: Account): string[] {
  account.recovery = 10;
  const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";
  const group = () => Array.from({ length: 5 }, () => random.pick([...alphabet])).join("");
  return Array.from({ length: 10 }, () => `${group()}-${group()}`);
}

/** A pattern that looks like a code for a camera; nothing reads it. */
function picture(): string {
  const size = 29;
  const finder = (x: number, y: number) =>
    [
      [0, 0],
      [size - 7, 0],
      [0, size - 7],
    ].some(([fx, fy]) => {
      const [dx, dy] = [x - (fx as number), y - (fy as number)];
      if (dx < 0 || dy < 0 || dx > 6 || dy > 6) return false;
      const ring = Math.max(Math.abs(dx - 3), Math.abs(dy - 3));
      return ring === 3 || ring < 2;
    });
  const nearFinder = (x: number, y: number) => (x < 8 && (y < 8 || y > size - 9)) || (x > size - 9 && y < 8);
  let path = "";
  for (let y = 0; y < size; y += 1)
    for (let x = 0; x < size; x += 1)
      if (finder(x, y) || (!nearFinder(x, y) && random.chance(0.48))) path += `M${x} ${y}h1v1h-1z`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}"><path d="${path}"/></svg>`;
}

const sessions: OwnSession[] = [
  {
    id: "ses_phone",
    current: false,
    created_at: iso(now() - 9 * hour),
    last_active_at: iso(now() - 40 * minute),
    expires_at: iso(now() + 15 * hour),
    client: "Safari on iPhone, 203.0.113.7",
  },
  {
    id: "ses_office",
    current: false,
    created_at: iso(now() - 20 * hour),
    last_active_at: iso(now() - 3 * hour),
    expires_at: iso(now() + 4 * hour),
    client: "Firefox on Windows, 198.51.100.20",
  },
];
const identities: Identity[] = [
  { id: "idn_1", provider_name: "Microsoft", email: "m.rausch@northgate.example", linked_at: iso(now() - 12 * day) },
];

export const accountRoutes: Route[] = [
  [
    "GET",
    /^\/api\/auth\/factors$/,
    ({ account }) => ({
      body: {
        totp: account.totp ? { confirmed_at: account.totp } : null,
        passkeys: account.passkeys,
        recovery_codes_left: account.recovery,
        required: account.required,
      } satisfies Factors,
    }),
  ],
  [
    "POST",
    /^\/api\/auth\/factors\/totp$/,
    ({ account }) => ({
      body: {
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        otpauth_uri: `otpauth://totp/Proofline:${account.email}?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Proofline`,
        qr_svg: picture(),
      } satisfies TotpStart,
    }),
  ],
  [
    "POST",
    /^\/api\/auth\/factors\/totp\/confirm$/,
    ({ account, session, body }) => {
      checkCode(body.code);
      account.totp = iso(now());
      return { body: enrolled(account, session) };
    },
  ],
  [
    "DELETE",
    /^\/api\/auth\/factors\/totp$/,
    ({ account }) => {
      if (account.passkeys.length === 0) throw new Refusal(409, "last_factor");
      account.totp = null;
      return { status: 204 };
    },
  ],
  [
    "POST",
    /^\/api\/auth\/factors\/recovery-codes$/,
    ({ account }) => ({ body: { recovery_codes: newRecoveryCodes(account) } }),
  ],
  [
    "POST",
    /^\/api\/auth\/factors\/passkeys\/options$/,
    ({ account }) => ({
      body: {
        ceremony_id: ceremony(),
        public_key: {
          challenge: challenge(),
          rp: { id: "localhost", name: "Proofline" },
          user: { id: Buffer.from(account.id).toString("base64url"), name: account.email, displayName: account.name },
          pubKeyCredParams: [
            { type: "public-key", alg: -7 },
            { type: "public-key", alg: -8 },
          ],
          authenticatorSelection: { residentKey: "required", userVerification: "required" },
          attestation: "none",
          timeout: 300_000,
        },
      },
    }),
  ],
  [
    "POST",
    /^\/api\/auth\/factors\/passkeys$/,
    ({ account, session, body }) => {
      account.passkeys.push({
        id: random.id("pk"),
        name: required(body, "name"),
        created_at: iso(now()),
        last_used_at: null,
      });
      return { body: enrolled(account, session) };
    },
  ],
  [
    "DELETE",
    /^\/api\/auth\/factors\/passkeys\/([^/]+)$/,
    ({ account }, id) => {
      if (account.passkeys.length === 1 && !account.totp) throw new Refusal(409, "last_factor");
      account.passkeys = account.passkeys.filter((passkey) => passkey.id !== id);
      return { status: 204 };
    },
  ],
  [
    "GET",
    /^\/api\/auth\/sessions$/,
    ({ session }) => ({
      body: {
        items: [
          {
            id: session.id,
            current: true,
            created_at: iso(session.created),
            last_active_at: iso(now()),
            expires_at: iso(session.created + 24 * hour),
            client: "Chrome on Linux, 192.0.2.44",
          } satisfies OwnSession,
          ...sessions,
        ],
      },
    }),
  ],
  [
    "DELETE",
    /^\/api\/auth\/sessions\/([^/]+)$/,
    (_, id) => {
      const at = sessions.findIndex((session) => session.id === id);
      if (at < 0) missing();
      sessions.splice(at, 1);
      return { status: 204 };
    },
  ],
  ["POST", /^\/api\/auth\/sessions\/end-others$/, () => ({ body: { ended: sessions.splice(0).length } })],
  [
    "PATCH",
    /^\/api\/auth\/profile$/,
    ({ account, body }) => {
      account.name = required(body, "name");
      return { body: { name: account.name } };
    },
  ],
  [
    "POST",
    /^\/api\/auth\/password$/,
    ({ body }) => {
      if (body.current_password === "wrong") throw new Refusal(403, "password_wrong");
      return { status: 204 };
    },
  ],
  ["POST", /^\/api\/auth\/email$/, () => ({ status: 202, body: {} })],
  ["GET", /^\/api\/auth\/identities$/, () => ({ body: { items: identities } })],
  [
    "DELETE",
    /^\/api\/auth\/identities\/([^/]+)$/,
    (_, id) => {
      identities.splice(
        identities.findIndex((identity) => identity.id === id),
        1,
      );
      return { status: 204 };
    },
  ],
  [
    "POST",
    /^\/api\/auth\/identities\/link$/,
    () => ({ body: { authorization_url: "/account?problem=identity_taken" } }),
  ],
];

function enrolled(account: Account, session: Parameters<typeof sessionBody>[0]) {
  session.assurance = "full";
  const codes = account.recovery === 0 ? newRecoveryCodes(account) : null;
  return { session: sessionBody(session), recovery_codes: codes };
}
