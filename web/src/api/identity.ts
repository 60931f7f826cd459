/**
 * The wire types of people, factors, tokens, providers and access, written by hand until the
 * generated schema has them: `IdentityPaths` has the form of its `paths`, so that taking over is
 * deleting here.
 */

type Json<T> = { content: { "application/json": T } };
interface Parts {
  query?: object;
  path?: object;
  body?: unknown;
  /** The body of the answer; without one it is 204. */
  answer?: unknown;
}
type Of<P extends Parts, K extends keyof Parts> = P extends Record<K, infer V> ? V : never;
interface Operation<P extends Parts> {
  parameters: { query?: Of<P, "query">; path: Of<P, "path"> };
  requestBody: Json<Of<P, "body">>;
  responses: P extends { answer: infer A } ? { 200: Json<A> } : { 204: object };
}
type Empty = Record<string, never>;
interface Paging {
  limit?: number;
  cursor?: string;
}
interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

// ---- oneself

export interface FactorSummary {
  totp: boolean;
  passkeys: number;
  recovery_codes_left: number;
  required: "any" | "passkey";
}

/** What this version's session says beside the person. */
export interface Assured {
  assurance: "password" | "full";
  stepped_up_until: string | null;
  factors: FactorSummary;
}

export interface Passkey {
  id: string;
  name: string;
  created_at: string;
  last_used_at: string | null;
}

export interface Factors {
  totp: { confirmed_at: string } | null;
  passkeys: Passkey[];
  recovery_codes_left: number;
  required: "any" | "passkey";
}

export interface TotpStart {
  secret: string;
  otpauth_uri: string;
  qr_svg: string;
}

export interface RecoveryCodes {
  recovery_codes: string[];
}

/** The options of a ceremony, as WebAuthn writes them in JSON. */
export interface Ceremony<Options> {
  ceremony_id: string;
  public_key: Options;
}
export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;

export interface OwnSession {
  id: string;
  current: boolean;
  created_at: string;
  last_active_at: string;
  expires_at: string;
  client: string;
}

export interface Identity {
  id: string;
  provider_name: string;
  email: string;
  linked_at: string;
}

export interface OfferedProvider {
  id: string;
  name: string;
  kind: "google" | "microsoft" | "openid";
}

export interface InvitationLook {
  email: string;
  role: string;
  place_name: string;
  inviter_name: string;
}

// ---- people

export interface User {
  id: string;
  name: string;
  email: string;
  role: string;
  partner_id: string | null;
  org_id: string | null;
  place_name: string;
  status: "active" | "suspended";
  suspended_reason?: string | null;
  created_at: string;
  last_seen_at: string | null;
  second_factor?: boolean;
}

export interface Invitation {
  id: string;
  email: string;
  role: string;
  partner_id: string | null;
  org_id: string | null;
  place_name: string;
  invited_by: string;
  created_at: string;
  expires_at: string;
  state: "open" | "accepted" | "expired" | "revoked";
}

/** A role, and the partner or the organisation that it is held in. */
export interface Placement {
  role: string;
  partner_id?: string;
  org_id?: string;
}

export interface Mail {
  id: string;
  to: string;
  subject: string;
  state: "queued" | "sent" | "failed";
  attempts: number;
  last_error: string | null;
  created_at: string;
}

// ---- installation

export interface Token {
  id: string;
  name: string;
  prefix: string;
  actions: string[];
  created_at: string;
  created_by: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface Provider {
  id: string;
  name: string;
  kind: "google" | "microsoft" | "openid";
  issuer: string;
  client_id: string;
  allowed_domains: string[];
  partner_id: string | null;
  org_id: string | null;
  enabled: boolean;
  created_at: string;
}

export interface ProviderChange {
  name?: string;
  client_id?: string;
  client_secret?: string;
  allowed_domains?: string[];
  enabled?: boolean;
}

export interface ProviderCreation {
  name: string;
  kind: Provider["kind"];
  issuer: string;
  client_id: string;
  client_secret?: string;
  allowed_domains: string[];
  partner_id?: string;
}

export interface Approval {
  id: string;
  email: string;
  name: string;
  provider_id: string;
  provider_name: string;
  requested_at: string;
}

export interface SealingKey {
  purpose: string;
  id: string;
  state: "current" | "earlier" | "retired";
  since: string | null;
  rows_sealed?: number | null;
  /** Of a master key: whether this server was given it. */
  configured?: boolean | null;
}

// ---- access to a client

export interface Grant {
  user_id: string;
  user_name: string;
  reason?: string;
  granted_by: string;
  granted_at: string;
  expires_at: string | null;
}

export interface BreakGlass {
  id: string;
  org_id: string;
  org_name: string;
  state: "requested" | "active" | "ended";
  asked_by: string;
  asked_by_name: string;
  requested_at: string;
  reason: string;
  ticket: string;
  hours: number;
  approved_by_name: string | null;
  expires_at: string | null;
  ended_at: string | null;
}

/** What an organisation says beside its name. */
export interface Restrictable {
  restricted?: boolean;
}

export interface Access {
  restricted: boolean;
  grants: Grant[];
  break_glass: BreakGlass[];
}

// ---- routes

export type Enrolled<S> = { session: S; recovery_codes: string[] | null };
type UserPath = { user_id: string };
type OrgPath = { org_id: string };

/** The routes whose answers begin or change a session of type `S`. */
export interface IdentityPaths<S, AuditRow> {
  "/api/auth/second-factor/totp": { post: Operation<{ body: { code: string }; answer: S }> };
  "/api/auth/second-factor/recovery-code": { post: Operation<{ body: { code: string }; answer: S }> };
  "/api/auth/second-factor/passkey/options": { post: Operation<{ body: Empty; answer: Ceremony<RequestOptions> }> };
  "/api/auth/second-factor/passkey": {
    post: Operation<{ body: { ceremony_id: string; credential: object }; answer: S }>;
  };
  "/api/auth/passkey/options": { post: Operation<{ body: Empty; answer: Ceremony<RequestOptions> }> };
  "/api/auth/passkey": {
    post: Operation<{ body: { ceremony_id: string; credential: object }; answer: S }>;
  };
  "/api/auth/providers": { get: Operation<{ answer: { items: OfferedProvider[] } }> };
  "/api/auth/providers/{provider_id}/start": {
    post: Operation<{
      path: { provider_id: string };
      body: { return_to?: string };
      answer: { authorization_url: string };
    }>;
  };
  "/api/auth/factors": { get: Operation<{ answer: Factors }> };
  "/api/auth/factors/totp": { post: Operation<{ body: Empty; answer: TotpStart }>; delete: Operation<object> };
  "/api/auth/factors/totp/confirm": { post: Operation<{ body: { code: string }; answer: Enrolled<S> }> };
  "/api/auth/factors/recovery-codes": { post: Operation<{ body: Empty; answer: RecoveryCodes }> };
  "/api/auth/factors/passkeys/options": { post: Operation<{ body: Empty; answer: Ceremony<CreationOptions> }> };
  "/api/auth/factors/passkeys": {
    post: Operation<{
      body: { ceremony_id: string; name: string; credential: object };
      answer: Enrolled<S>;
    }>;
  };
  "/api/auth/factors/passkeys/{passkey_id}": { delete: Operation<{ path: { passkey_id: string } }> };
  "/api/auth/sessions": { get: Operation<{ answer: { items: OwnSession[] } }> };
  "/api/auth/sessions/{session_id}": { delete: Operation<{ path: { session_id: string } }> };
  "/api/auth/sessions/end-others": { post: Operation<{ body: Empty; answer: { ended: number } }> };
  "/api/auth/profile": { patch: Operation<{ body: { name: string }; answer: { name: string } }> };
  "/api/auth/password": { post: Operation<{ body: { current_password: string; new_password: string } }> };
  "/api/auth/email": { post: Operation<{ body: { email: string } }> };
  "/api/auth/email/confirm": { post: Operation<{ body: { token: string } }> };
  "/api/auth/password-reset": { post: Operation<{ body: { email: string } }> };
  "/api/auth/password-reset/confirm": { post: Operation<{ body: { token: string; password: string } }> };
  "/api/auth/invitation/look": { post: Operation<{ body: { token: string }; answer: InvitationLook }> };
  "/api/auth/invitation/accept": {
    post: Operation<{ body: { token: string; name: string; password: string }; answer: S }>;
  };
  "/api/auth/identities": { get: Operation<{ answer: { items: Identity[] } }> };
  "/api/auth/identities/{identity_id}": { delete: Operation<{ path: { identity_id: string } }> };
  "/api/auth/identities/link": {
    post: Operation<{ body: { provider_id: string }; answer: { authorization_url: string } }>;
  };

  "/api/users": {
    get: Operation<{ query: Paging & { search?: string; role?: string; status?: string }; answer: Page<User> }>;
  };
  "/api/users/{user_id}": {
    get: Operation<{ path: UserPath; answer: User }>;
    patch: Operation<{ path: UserPath; body: { role: string }; answer: User }>;
    delete: Operation<{ path: UserPath }>;
  };
  "/api/users/{user_id}/suspend": { post: Operation<{ path: UserPath; body: { reason: string }; answer: User }> };
  "/api/users/{user_id}/restore": { post: Operation<{ path: UserPath; body: Empty; answer: User }> };
  "/api/users/{user_id}/reset-factors": { post: Operation<{ path: UserPath; body: { reason: string } }> };
  "/api/invitations": {
    get: Operation<{ query: Paging; answer: Page<Invitation> }>;
    post: Operation<{ body: Placement & { email: string }; answer: Invitation }>;
  };
  "/api/invitations/{invitation_id}": { delete: Operation<{ path: { invitation_id: string } }> };
  "/api/invitations/{invitation_id}/resend": {
    post: Operation<{ path: { invitation_id: string }; body: Empty; answer: Invitation }>;
  };
  "/api/mail": { get: Operation<{ query: Paging & { state?: string }; answer: Page<Mail> }> };
  "/api/mail/{mail_id}/retry": { post: Operation<{ path: { mail_id: string }; body: Empty; answer: Mail }> };
  "/api/tokens": {
    get: Operation<{ query: Paging; answer: Page<Token> }>;
    post: Operation<{
      body: { name: string; actions: string[]; expires_in_days: number };
      answer: { token: string; item: Token };
    }>;
  };
  "/api/tokens/actions": { get: Operation<{ answer: { items: string[] } }> };
  "/api/tokens/{token_id}": { delete: Operation<{ path: { token_id: string } }> };
  "/api/audit": {
    get: Operation<{
      query: Paging & {
        actor?: string;
        action?: string;
        from?: string;
        to?: string;
        search?: string;
        outcome?: string;
        org_id?: string;
      };
      answer: Page<AuditRow>;
    }>;
  };
  "/api/oidc/providers": {
    get: Operation<{ query: Paging; answer: Page<Provider> }>;
    post: Operation<{ body: ProviderCreation; answer: Provider }>;
  };
  "/api/oidc/providers/{provider_id}": {
    patch: Operation<{ path: { provider_id: string }; body: ProviderChange; answer: Provider }>;
    delete: Operation<{ path: { provider_id: string } }>;
  };
  "/api/oidc/approvals": { get: Operation<{ query: Paging; answer: Page<Approval> }> };
  "/api/oidc/approvals/{approval_id}/approve": {
    post: Operation<{ path: { approval_id: string }; body: Placement; answer: unknown }>;
  };
  "/api/oidc/approvals/{approval_id}/reject": {
    post: Operation<{ path: { approval_id: string }; body: Empty; answer: unknown }>;
  };
  "/api/organisations/{org_id}/access": {
    get: Operation<{ path: OrgPath; answer: Access }>;
    put: Operation<{ path: OrgPath; body: { restricted: boolean }; answer: unknown }>;
  };
  "/api/organisations/{org_id}/grants": {
    post: Operation<{ path: OrgPath; body: { user_id: string; reason: string; expires_at?: string }; answer: unknown }>;
  };
  "/api/organisations/{org_id}/grants/{user_id}": { delete: Operation<{ path: OrgPath & UserPath }> };
  "/api/organisations/{org_id}/break-glass": {
    post: Operation<{ path: OrgPath; body: { reason: string; ticket: string; hours: number }; answer: BreakGlass }>;
  };
  "/api/break-glass": { get: Operation<{ query: Paging; answer: Page<BreakGlass> }> };
  "/api/break-glass/{break_glass_id}/approve": {
    post: Operation<{ path: { break_glass_id: string }; body: Empty; answer: unknown }>;
  };
  "/api/break-glass/{break_glass_id}/end": {
    post: Operation<{ path: { break_glass_id: string }; body: Empty; answer: unknown }>;
  };
  "/api/system/keys": { get: Operation<{ answer: { items: SealingKey[] } }> };
}

/** The actions that the screens about people and access ask for, as the policy spells them. */
export const permission = {
  seePeople: "user.read",
  changeRole: "user.update",
  suspend: "user.suspend",
  restore: "user.restore",
  deletePerson: "user.delete",
  resetFactors: "user.reset_factors",
  seeInvitations: "invitation.read",
  invite: "invitation.create",
  resendInvitation: "invitation.resend",
  revokeInvitation: "invitation.revoke",
  seeMail: "mail.read",
  retryMail: "mail.retry",
  seeTokens: "token.read",
  createToken: "token.create",
  revokeToken: "token.revoke",
  exportAudit: "audit.export",
  seeProviders: "provider.read",
  addProvider: "provider.create",
  changeProvider: "provider.update",
  deleteProvider: "provider.delete",
  seeApprovals: "approval.read",
  decideApproval: "approval.decide",
  seeAccess: "access.read",
  changeAccess: "access.restrict",
  grant: "access.grant",
  revokeGrant: "access.revoke",
  seeBreakGlass: "break_glass.read",
  requestBreakGlass: "break_glass.request",
  approveBreakGlass: "break_glass.approve",
  endBreakGlass: "break_glass.end",
  seeKeys: "system.read",
} as const;
