import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import type { OwnSession } from "../api/types";
import { plural } from "../lib/format";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { ownSessionsQuery } from "./queries";

/** Where this person is signed in. */
export function SessionsPanel() {
  const query = useQuery(ownSessionsQuery());
  const others = query.data?.items.filter(({ current }) => !current).length ?? 0;
  const endOthers = useWrite({
    run: () => api.post("/api/auth/sessions/end-others", { body: {} }),
    done: ({ ended }) => `${plural(ended, "session")} ended`,
    failed: "The other sessions were not ended",
    touches: [ownSessionsQuery().queryKey],
  });
  return (
    <Panel
      title="Sessions"
      note="where you are signed in"
      action={
        <Button
          disabledReason={query.data && others === 0 ? "there is no other session" : undefined}
          busy={endOthers.isPending}
          onClick={() => endOthers.mutate()}
        >
          End all others
        </Button>
      }
    >
      <QueryView query={query} what="Sessions" skeleton={<RowsSkeleton rows={3} tall />}>
        {({ items }) => (
          <ul className="divide-y divide-hair">
            {items.map((session) => (
              <Row key={session.id} session={session} />
            ))}
          </ul>
        )}
      </QueryView>
    </Panel>
  );
}

function Row({ session }: { session: OwnSession }) {
  const end = useWrite({
    run: () => api.delete("/api/auth/sessions/{session_id}", { path: { session_id: session.id } }),
    done: "The session is ended",
    failed: "The session was not ended",
    touches: [ownSessionsQuery().queryKey],
  });
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
      <Icon name="appliance" size={18} className="text-ink-3" />
      <div className="min-w-40 flex-1">
        <p className="flex flex-wrap items-center gap-2 font-medium [overflow-wrap:anywhere]">
          {session.client || "Unknown client"}
          {session.current && <Chip tone="accent">this one</Chip>}
        </p>
        <p className="text-xs text-ink-3">
          Signed in <Time at={session.created_at} />, active <Time at={session.last_active_at} />, ends{" "}
          <Time at={session.expires_at} />
        </p>
      </div>
      {!session.current && (
        <Button look="quiet" busy={end.isPending} aria-label={`End ${session.client}`} onClick={() => end.mutate()}>
          End
        </Button>
      )}
    </li>
  );
}
