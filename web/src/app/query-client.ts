/** The cache of everything the server said. */

import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError, endsSession, isTransient } from "../api/errors";
import type { LeaveReason } from "../auth/session";

export function createQueryClient(leave: (reason: LeaveReason) => void): QueryClient {
  const watch = (error: unknown) => {
    if (!(error instanceof ApiError) || !endsSession(error)) return;
    leave(error.kind === "signed_out" ? "expired" : "second_factor");
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError: watch }),
    mutationCache: new MutationCache({ onError: watch }),
    defaultOptions: {
      // "always": a browser that believes to be offline still asks, and the failure is shown as one.
      queries: {
        // A result is read by a QueryView that may be mounted later than the hook that asked: in a dialog, which
        // appears a moment after its contents were prepared. Tracking what was read so far would miss it.
        notifyOnChangeProps: "all",
        staleTime: 15_000,
        gcTime: 5 * 60_000,
        networkMode: "always",
        retry: (failures, error) => failures < 1 && isTransient(error),
        retryDelay: 700,
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}
