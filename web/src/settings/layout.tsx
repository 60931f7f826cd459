import { Outlet } from "@tanstack/react-router";
import { useDenied, useLevel } from "../auth/context";
import { PageHead } from "../ui/page-head";
import { type TabLink, TabNav, useTabLabel } from "../ui/tabs";
import { settingsTabs } from "./tabs";

export function Page() {
  const level = useLevel();
  const denied = useDenied();
  const tabs = settingsTabs.filter(({ permission }) => !denied(permission));
  const links = tabs.map(({ to, label }): TabLink => ({
    label,
    link: { to, activeOptions: { exact: true, includeSearch: false } },
  }));
  const tab = useTabLabel(links);
  return (
    <>
      <PageHead
        title="Settings"
        tab={tab}
        sub={
          level === "platform"
            ? "This installation: how it is configured, who gets in, and what talks to it."
            : "Who gets in, and what talks to this installation in your name."
        }
      />
      {tabs.length > 1 && <TabNav label="Settings" tabs={links} />}
      <Outlet />
    </>
  );
}
