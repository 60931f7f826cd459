/** The app behind the sign-in page: everything that needs React begins here. */

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { SessionContext } from "../auth/context";
import type { Session } from "../api/types";
import type { LeaveReason } from "../auth/session";
import { LiveProvider } from "../live/live";
import { Toasts } from "../ui/toast";
import { TooltipLayer } from "../ui/tooltip";
import { createQueryClient } from "./query-client";
import { createAppRouter } from "./router";

/** Draws the app for this session; the returned function removes it and everything it knew. */
export function mount(root: HTMLElement, session: Session, leave: (reason: LeaveReason) => void): () => void {
  const queryClient = createQueryClient(() => leave("expired"));
  const router = createAppRouter(queryClient);
  const react = createRoot(root, { onCaughtError: () => undefined });
  react.render(
    <StrictMode>
      <SessionContext value={{ session, leave }}>
        <QueryClientProvider client={queryClient}>
          <LiveProvider>
            <RouterProvider router={router} />
            <Toasts />
            <TooltipLayer />
          </LiveProvider>
        </QueryClientProvider>
      </SessionContext>
    </StrictMode>,
  );
  return () => {
    react.unmount();
    queryClient.clear();
  };
}
