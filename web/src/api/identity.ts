/**
 * What the screens about people and access ask permission for; and the wire types of access to a
 * client, written by hand until a server has them: `UnservedPaths` has the form of the generated
 * `paths`, so that taking over is deleting here.
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

type UserPath = { user_id: string };
type OrgPath = { org_id: string };

/** The routes whose answers begin or change a session of type `S`. */
/** Routes that no server of this version has. Whatever asks for them is hidden where nobody is permitted their action. */
export interface UnservedPaths {
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
}

/** The actions that the screens about people and access ask for, as the policy spells them. */
export const permission = {
  seePeople: "user.read",
  changeRole: "user.update",
  suspend: "user.suspend",
  restore: "user.restore",
  deletePerson: "user.delete",
  resetFactors: "user.reset_factors",
  seeFactorPolicy: "factor_policy.read",
  changeFactorPolicy: "factor_policy.update",
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
