import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";

/** A list that comes page by page from one address. */
const pages = <P extends "/api/oidc/providers" | "/api/oidc/approvals" | "/api/tokens">(key: string, path: P) =>
  infiniteQueryOptions({
    queryKey: [key],
    queryFn: ({ signal, pageParam }: { signal: AbortSignal; pageParam: string }) =>
      api.get(path, listing, { query: { limit: 100, cursor: pageParam }, signal } as never),
    initialPageParam: "",
    getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor,
  });

export const providersQuery = () => pages("providers", "/api/oidc/providers");
export const approvalsQuery = () => pages("approvals", "/api/oidc/approvals");
export const tokensQuery = () => pages("tokens", "/api/tokens");

/** What this person can give a token. */
export const tokenActionsQuery = () =>
  queryOptions({
    queryKey: ["tokens", "actions"],
    queryFn: ({ signal }) => api.get("/api/tokens/actions", listing, { signal }),
  });

export type MailState = "queued" | "failed" | "sent";

export const mailQuery = (state: MailState | undefined) =>
  infiniteQueryOptions({
    queryKey: ["mail", state],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/mail", listing, { query: { limit: 100, cursor: pageParam, ...(state ? { state } : {}) }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 30_000,
  });

export const keysQuery = () =>
  queryOptions({
    queryKey: ["system", "keys"],
    queryFn: ({ signal }) => api.get("/api/system/keys", listing, { signal }),
  });

/** What somebody asked for on the server's machine, and what became of it. */
export const keyRotationsQuery = () =>
  queryOptions({
    queryKey: ["system", "key-rotations"],
    queryFn: ({ signal }) => api.get("/api/system/key-rotations", listing, { signal }),
    refetchInterval: 30_000,
  });
