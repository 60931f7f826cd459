/**
 * What the screens about people and access ask permission for; and routes that are written by hand
 * until a server has them: `UnservedPaths` has the form of the generated `paths`, so that taking
 * over is deleting here.
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
// ---- routes

type UserPath = { user_id: string };

/** Routes that no server of this version has. Whatever asks for them is hidden where nobody is permitted their action. */
export interface UnservedPaths {
  "/api/users/{user_id}/reset-factors": { post: Operation<{ path: UserPath; body: { reason: string } }> };
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
