/** The app behind the sign-in page: everything that needs React begins here. */

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { type ReactNode, StrictMode, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { SessionContext } from "../auth/context";
import { StepUp } from "../auth/step-up";
import type { Session } from "../api/types";
import type { LeaveReason } from "../auth/session";
import { LiveProvider } from "../live/live";
import { say, Toasts } from "../ui/toast";
import { TooltipLayer } from "../ui/tooltip";
import { createQueryClient } from "./query-client";
import { createAppRouter } from "./router";

type Leave = (reason: LeaveReason) => void;

/** Draws the app for this session; the returned function removes it and everything it knew. */
export function mount(root: HTMLElement, session: Session, leave: Leave, notice?: string): () => void {
  const queryClient = createQueryClient(leave);
  const router = createAppRouter(queryClient, session.permissions);
  root.replaceChildren();
  const react = createRoot(root, { onCaughtError: () => undefined });
  react.render(
    <StrictMode>
      <SessionProvider session={session} leave={leave}>
        <QueryClientProvider client={queryClient}>
          <LiveProvider>
            <RouterProvider router={router} />
            <StepUp />
            <Toasts />
            <TooltipLayer />
          </LiveProvider>
        </QueryClientProvider>
      </SessionProvider>
    </StrictMode>,
  );
  if (notice) say(notice, "bad");
  return () => {
    react.unmount();
    queryClient.clear();
  };
}

function SessionProvider({ session: first, leave, children }: { session: Session; leave: Leave; children: ReactNode }) {
  const [session, update] = useState(first);
  const value = useMemo(() => ({ session, update, leave }), [session, leave]);
  return <SessionContext value={value}>{children}</SessionContext>;
}
