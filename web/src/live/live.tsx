/** Connects the stream of changes to the cache: what changed on the server is asked for again. */

import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { send } from "../api/http";
import { onReach, serverAnswers } from "../api/reach";
import { useSession } from "../auth/context";
import { fetchSession } from "../auth/session";
import { Invalidator } from "./invalidator";
import { connectLive, type LiveStatus, pause } from "./connection";
import { shareAmongTabs } from "./leader";

/** `off` where the role gets no changes told. */
type Status = LiveStatus | "off";

const LiveContext = createContext<Status>("connecting");

export const useLiveStatus = (): Status => useContext(LiveContext);

type Shared = { status: LiveStatus } | { event: string; data: string };

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { session, leave } = useSession();
  const may = session.permissions.includes("events.subscribe");
  const [status, setStatus] = useState<LiveStatus>("connecting");

  useEffect(() => {
    if (!may) return;
    const invalidator = new Invalidator(
      (queryKey) => void client.invalidateQueries(queryKey ? { queryKey } : undefined),
    );
    let current: LiveStatus = "connecting";

    const take = (value: Shared) => {
      if ("status" in value) {
        current = value.status;
        setStatus(value.status);
      } else invalidator.take(value.event, value.data);
    };

    const stop = shareAmongTabs<Shared>({
      follow: take,
      onHello: (share) => share({ status: current }),
      lead: (share) => {
        const both = (value: Shared) => {
          take(value);
          share(value);
        };
        return connectLive({
          open: openEvents,
          onEvent: ({ event, data }) => both({ event, data }),
          onResumed: () => both({ event: "reset", data: "" }),
          onStatus: (next) => both({ status: next }),
          onSignedOut: (error) => leave(error.kind === "signed_out" ? "expired" : "second_factor"),
        });
      },
    });
    return () => {
      stop();
      invalidator.stop();
    };
  }, [client, leave, may]);

  const answered = useAnswered(may);
  const shown = status === "live" && !answered ? "reconnecting" : status;
  return <LiveContext value={may ? shown : "off"}>{children}</LiveContext>;
}

const askAgainMs = 5_000;

/**
 * Whether the last request was answered. A server that hangs keeps its streams open: silence there comes late, a request that
 * fails comes first. From then on one is made every few seconds, until any is answered.
 */
function useAnswered(watched: boolean): boolean {
  const answered = useSyncExternalStore(onReach, serverAnswers);
  useEffect(() => {
    if (answered || !watched) return;
    const stopped = new AbortController();
    void (async () => {
      for (;;) {
        await pause(askAgainMs, stopped.signal);
        if (stopped.signal.aborted) return;
        await fetchSession(stopped.signal).catch(() => undefined);
      }
    })();
    return () => stopped.abort();
  }, [answered, watched]);
  return answered;
}

/** The stream has no end, so it has no time-out either; silence is watched instead. */
function openEvents(lastEventId: string, signal: AbortSignal): Promise<Response> {
  return send("/api/events", {
    signal,
    timeoutMs: 2 ** 31 - 1,
    headers: { Accept: "text/event-stream", ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}) },
  });
}
