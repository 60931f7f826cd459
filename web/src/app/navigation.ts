import { permission } from "../api/identity";
import { settingsTabs } from "../settings/tabs";
import type { IconName } from "../ui/icon";

export interface Destination {
  to: "/" | "/incidents" | "/sites" | "/appliances" | "/audit" | "/people" | "/emergency" | "/system" | "/settings";
  label: string;
  icon: IconName;
  /** The key after `g`. */
  key: string;
  group: "work" | "records" | "access" | "installation";
  /** The page needs one of these actions. */
  permissions: readonly string[];
}

/** Home is for everybody; what it shows depends on who it is. */
export const destinations: readonly Destination[] = [
  { to: "/", label: "Overview", icon: "overview", key: "o", group: "work", permissions: ["session.read"] },
  { to: "/incidents", label: "Incidents", icon: "incident", key: "i", group: "work", permissions: ["incident.read"] },
  { to: "/sites", label: "Sites", icon: "site", key: "s", group: "work", permissions: ["site.read"] },
  {
    to: "/appliances",
    label: "Appliances",
    icon: "appliance",
    key: "a",
    group: "work",
    permissions: ["appliance.read"],
  },
  { to: "/audit", label: "Audit log", icon: "audit", key: "l", group: "records", permissions: ["audit.read"] },
  { to: "/people", label: "People", icon: "people", key: "p", group: "access", permissions: [permission.seePeople] },
  {
    to: "/emergency",
    label: "Emergency access",
    icon: "lock",
    key: "e",
    group: "access",
    permissions: [permission.seeBreakGlass],
  },
  {
    to: "/system",
    label: "System health",
    icon: "health",
    key: "h",
    group: "installation",
    permissions: ["system.read"],
  },
  {
    to: "/settings",
    label: "Settings",
    icon: "settings",
    key: "t",
    group: "installation",
    permissions: settingsTabs.map((tab) => tab.permission),
  },
];

export const groupTitles: Record<Destination["group"], string | undefined> = {
  work: undefined,
  records: "Records",
  access: "People and access",
  installation: "Installation",
};

/** The pages that somebody with these permissions may open. */
export const destinationsFor = (permissions: readonly string[]): Destination[] =>
  destinations.filter((destination) => destination.permissions.some((action) => permissions.includes(action)));
