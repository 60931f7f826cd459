import { api } from "../api/client";
import { type BreakGlass, permission } from "../api/identity";
import { useDenied } from "../auth/context";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";

export function EndButton({ item }: { item: BreakGlass }) {
  const denied = useDenied();
  const end = useWrite({
    run: () => api.post("/api/break-glass/{id}/end", { path: { id: item.id }, body: {} }),
    done: `Emergency access to ${item.org_name} is closed`,
    failed: "The access was not closed",
    touches: [["break-glass"], ["access"], ["sites"], ["organisations"]],
  });
  return (
    <Button busy={end.isPending} disabledReason={denied(permission.endBreakGlass)} onClick={() => end.mutate()}>
      {item.state === "requested" ? "Withdraw" : "End now"}
    </Button>
  );
}
