import { api } from "../api/client";
import { permission } from "../api/identity";
import type { BreakGlass } from "../api/types";
import { useDenied, useSession } from "../auth/context";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";

export function EndButton({ item }: { item: BreakGlass }) {
  const { session } = useSession();
  const denied = useDenied();
  const waits = item.state === "requested";
  const own = item.asked_by === session.user.id;
  const end = useWrite({
    run: () => api.post("/api/break-glass/{break_glass_id}/end", { path: { break_glass_id: item.id }, body: {} }),
    done: waits ? `The request for ${item.org_name} is closed` : `Emergency access to ${item.org_name} is closed`,
    failed: waits ? "The request is still open" : "The access was not closed",
    touches: [["break-glass"], ["access"], ["sites"], ["organisations"]],
  });
  return (
    <Button busy={end.isPending} disabledReason={denied(permission.endBreakGlass)} onClick={() => end.mutate()}>
      {waits ? (own ? "Withdraw" : "Turn down") : "End now"}
    </Button>
  );
}
