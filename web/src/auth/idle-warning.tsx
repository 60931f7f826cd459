/**
 * Before an idle session ends, the person is asked; after it has ended, the screen is cleared
 * (WCAG 2.2.1, and nothing of a clinic stays on an unattended screen).
 */

import { lazy, Suspense, useEffect, useState } from "react";
import { lastActivity } from "../api/activity";
import { ApiError } from "../api/errors";
import type { Session } from "../api/types";
import { useSession } from "./context";
import { fetchSession } from "./session";

const StaySignedIn = lazy(() => import("./stay-signed-in").then((module) => ({ default: module.StaySignedIn })));

const warnMs = 90_000;
const graceMs = 2_000;

/** Milliseconds until the session ends, if nobody does anything from now on. */
export function timeLeft(session: Pick<Session, "expires_at">, idleMs: number, activity: number, now: number): number {
  return Math.min(activity + idleMs, Date.parse(session.expires_at)) - now;
}

export function IdleWarning() {
  const { session, leave } = useSession();
  // How long the server lets a session rest, as it stood when the session was read.
  const [idleMs] = useState(() => Math.max(60_000, Date.parse(session.idle_expires_at) - Date.now()));
  const [left, setLeft] = useState(Number.POSITIVE_INFINITY);

  useEffect(() => {
    let asking = false;
    const tick = async () => {
      const now = timeLeft(session, idleMs, lastActivity(), Date.now());
      setLeft(now);
      if (now > -graceMs || asking) return;
      asking = true;
      await fetchSession().catch((error: unknown) => {
        if (error instanceof ApiError && error.kind === "signed_out") leave("expired");
      });
      asking = false;
    };
    const timer = setInterval(() => void tick(), 1000);
    return () => clearInterval(timer);
  }, [session, idleMs, leave]);

  if (left > warnMs) return null;
  return (
    <Suspense fallback={null}>
      <StaySignedIn seconds={Math.max(0, Math.ceil(left / 1000))} onLeave={() => leave("expired")} />
    </Suspense>
  );
}
