import { Outlet } from "@tanstack/react-router";
import { useState } from "react";
import { permission } from "../api/identity";
import { useDenied, useLevel } from "../auth/context";
import { Button } from "../ui/button";
import { PageHead } from "../ui/page-head";
import { type TabLink, TabNav, useTabLabel } from "../ui/tabs";
import { InviteDialog } from "./invite";

const subs = {
  platform: "Everybody who signs in here: your own people, partners and practices.",
  partner: "The people of your company and of the clinics that you look after.",
  practice: "The people of your practice who sign in here.",
};

export function Page() {
  const level = useLevel();
  const denied = useDenied();
  const tabs: TabLink[] = [
    { label: "People", link: { to: "/people", activeOptions: { exact: true, includeSearch: false } } },
    { label: "Invitations", link: { to: "/people/invitations" } },
    ...(denied(permission.seeFactorPolicy)
      ? []
      : [{ label: "Second factors", link: { to: "/people/second-factors" as const } }]),
  ];
  const tab = useTabLabel(tabs);
  const [inviting, setInviting] = useState(false);
  return (
    <>
      <PageHead
        title="People"
        tab={tab}
        sub={subs[level]}
        actions={
          <Button
            look="primary"
            icon="add"
            disabledReason={denied(permission.invite)}
            onClick={() => setInviting(true)}
          >
            Invite somebody
          </Button>
        }
      />
      {!denied(permission.seeInvitations) && <TabNav label="People" tabs={tabs} />}
      <Outlet />
      <InviteDialog open={inviting} onClose={() => setInviting(false)} />
    </>
  );
}
