import { permission } from "../api/identity";

/** The pages of the settings, and the action that each needs. */
export const settingsTabs = [
  { to: "/settings", label: "General", permission: "settings.read" },
  { to: "/settings/providers", label: "Sign-in providers", permission: permission.seeProviders },
  { to: "/settings/approvals", label: "Approvals", permission: permission.seeApprovals },
  { to: "/settings/tokens", label: "API tokens", permission: permission.seeTokens },
  { to: "/settings/mail", label: "Mail", permission: permission.seeMail },
  { to: "/settings/keys", label: "Keys", permission: permission.seeKeys },
] as const;
