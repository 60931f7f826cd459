/**
 * The wire types under the names that the screens use. They come from `schema.d.ts`, which is
 * generated from `spec/openapi.json`.
 *
 * Words of a closed set arrive as text: a newer server may know one more. The sets below are
 * those that this version knows and may ask for.
 */

import type { components, paths } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionBody"];
export type FactorSummary = Schemas["FactorsBody"];
export type Enrolled = Schemas["EnrolledBody"];
export type Factors = Schemas["OwnFactorsBody"];
export type Passkey = Schemas["PasskeyBody"];
export type TotpStart = Schemas["NewTotpBody"];
export type OwnSession = Schemas["OwnSessionBody"];
export type Identity = Schemas["IdentityBody"];
export type OfferedProvider = Schemas["OfferBody"];
export type InvitationLook = Schemas["InvitationOffer"];
/** A ceremony whose options are what WebAuthn calls them: the description says no more than "an object". */
export type Ceremony<Options> = Omit<Schemas["CeremonyBody"], "public_key"> & { public_key: Options };
export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
/** What a browser answers in a ceremony, likewise. */
export type CeremonyAnswer = Schemas["NewPasskeyRequest"]["credential"];
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;
export type AuthStatus = Schemas["StatusBody"];
export type BootstrapRequest = Schemas["BootstrapRequest"];

export type Overview = Schemas["OverviewBody"];
export type Attention = Schemas["AttentionBody"];

export type SiteSummary = Schemas["SiteSummaryBody"];
export type SiteDetail = Schemas["SiteDetailBody"];
export type Asset = Schemas["AssetBody"];
export type Code = Schemas["CodeBody"];
export type IssuedCode = Schemas["IssuedCode"];

export type Posture = Schemas["PostureBody"];
export type PostureControl = Schemas["PostureControlBody"];
export type PostureCheck = Schemas["PostureCheckBody"];

export type IncidentRow = Schemas["IncidentBody"];
export type IncidentDetail = Schemas["IncidentDetailBody"];
export type Heal = Schemas["HealBody"];

export type Appliance = Schemas["ApplianceBody"];

export type EvidenceRow = Schemas["EntryRowBody"];
export type EvidenceEntry = Schemas["EntryBody"];

export type User = Schemas["PersonBody"];
export type Invitation = Schemas["InvitationBody"];
/** A role, and the partner or the organisation that it is held in. */
export type Placement = Omit<Schemas["NewInvitation"], "email">;
export type Mail = Schemas["MailBody"];
export type Token = Schemas["TokenBody"];
export type Provider = Schemas["ProviderBody"];
export type Approval = Schemas["ApprovalBody"];
export type SealingKey = Schemas["KeyEntry"];
export type KeyRotation = Schemas["KeyRotationBody"];

export type AuditRow = Schemas["AuditBody"];
export type Health = Schemas["SystemHealthBody"];
export type Job = Schemas["JobBody"];
export type Settings = Schemas["SettingsBody"];
export type ServerKey = Schemas["KeyBody"];
export type Organisation = Schemas["OrganisationBody"];
export type Access = Schemas["AccessBody"];
export type Grant = Schemas["GrantBody"];
export type BreakGlass = Schemas["BreakGlassBody"];

/** Every route that the web app knows. */
export type Paths = paths;

export const incidentStateNames = [
  "open",
  "healing",
  "verifying",
  "awaiting_approval",
  "escalated",
  "suppressed",
  "resolved",
  "closed",
] as const;
export type IncidentState = (typeof incidentStateNames)[number];

export const severityNames = ["critical", "high", "medium", "low"] as const;
export type Severity = (typeof severityNames)[number];

export const applianceStatusNames = ["online", "stale", "offline", "pending"] as const;
export type ApplianceStatus = (typeof applianceStatusNames)[number];

export const modeNames = ["audit", "ask", "enforce"] as const;
export type Mode = (typeof modeNames)[number];

export const evidenceKindNames = [
  "check_run",
  "heal",
  "heartbeat",
  "gap",
  "attestation",
  "incident",
  "key",
  "server_fact",
] as const;
export type EvidenceKind = (typeof evidenceKindNames)[number];
