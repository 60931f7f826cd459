import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";

export interface PeopleFilter {
  q?: string;
  role?: string;
  status?: "active" | "suspended";
}

export const peopleQuery = ({ q, role, status }: PeopleFilter) =>
  infiniteQueryOptions({
    queryKey: ["users", { q, role, status }],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/users", listing, {
        query: {
          limit: 100,
          cursor: pageParam,
          ...(q ? { search: q } : {}),
          ...(role ? { role } : {}),
          ...(status ? { status } : {}),
        },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

export const personQuery = (userId: string) =>
  queryOptions({
    queryKey: ["users", "one", userId],
    queryFn: ({ signal }) => api.get("/api/users/{user_id}", {}, { path: { user_id: userId }, signal }),
  });

/** Which second factor is asked of each role. */
export const factorPolicyQuery = () =>
  queryOptions({
    queryKey: ["factor-policy"],
    queryFn: ({ signal }) => api.get("/api/second-factor-policy", listing, { signal }),
  });

/** The people whose names match, to pick one. */
export const peopleSearchQuery = (q: string) =>
  queryOptions({
    queryKey: ["users", "search", q],
    queryFn: ({ signal }) =>
      api.get("/api/users", listing, { query: { limit: 50, search: q, status: "active" }, signal }),
    placeholderData: (previous) => previous,
  });

export const invitationsQuery = () =>
  infiniteQueryOptions({
    queryKey: ["invitations"],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/invitations", listing, { query: { limit: 100, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });
