import type { IconName } from "../ui/icon";

export interface Destination {
  to: "/" | "/incidents" | "/sites" | "/appliances" | "/audit" | "/system" | "/settings";
  label: string;
  icon: IconName;
  /** The key after `g`. */
  key: string;
  group: "work" | "records" | "installation";
  /** The action that the page needs. */
  permission: string;
}

export const destinations: readonly Destination[] = [
  { to: "/", label: "Overview", icon: "overview", key: "o", group: "work", permission: "overview.read" },
  { to: "/incidents", label: "Incidents", icon: "incident", key: "i", group: "work", permission: "incident.read" },
  { to: "/sites", label: "Sites", icon: "site", key: "s", group: "work", permission: "site.read" },
  { to: "/appliances", label: "Appliances", icon: "appliance", key: "a", group: "work", permission: "appliance.read" },
  { to: "/audit", label: "Audit log", icon: "audit", key: "l", group: "records", permission: "audit.read" },
  { to: "/system", label: "System health", icon: "health", key: "h", group: "installation", permission: "system.read" },
  {
    to: "/settings",
    label: "Settings",
    icon: "settings",
    key: "t",
    group: "installation",
    permission: "settings.read",
  },
];

export const groupTitles: Record<Destination["group"], string | undefined> = {
  work: undefined,
  records: "Records",
  installation: "Installation",
};
