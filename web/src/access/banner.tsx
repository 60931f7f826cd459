import { useInfiniteQuery } from "@tanstack/react-query";
import { permission } from "../api/identity";
import { useDenied, useSession } from "../auth/context";
import { useNow } from "../lib/now";
import { flatten } from "../lib/pages";
import { Icon } from "../ui/icon";
import { Time } from "../ui/time";
import { activeNow } from "./active";
import { EndButton } from "./end-button";
import { breakGlassQuery } from "./queries";

/** As long as this person has emergency access somewhere, every page says so. */
export function BreakGlassBanner() {
  const { session } = useSession();
  const denied = useDenied();
  const now = useNow();
  const query = useInfiniteQuery({ ...breakGlassQuery(), enabled: !denied(permission.seeBreakGlass) });
  const mine = activeNow(query.data ? flatten(query.data) : [], now).filter(
    (item) => item.asked_by === session.user.id,
  );
  return mine.map((item) => (
    <div
      key={item.id}
      role="status"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-fail-soft px-3 py-1.5 text-fail sm:px-5"
    >
      <Icon name="lock" size={14} />
      <p className="min-w-48 flex-1 font-medium">
        Emergency access to {item.org_name} is open, ends <Time at={item.expires_at} />. Everything you open there is
        recorded, and the client is told.
      </p>
      <EndButton item={item} />
    </div>
  ));
}
