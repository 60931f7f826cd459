import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";
import type { Organisation } from "../api/types";
import { allPages, type Whole } from "../lib/pages";

export const accessQuery = (orgId: string) =>
  queryOptions({
    queryKey: ["access", orgId],
    queryFn: ({ signal }) =>
      api.get(
        "/api/organisations/{org_id}/access",
        { grants: "list", break_glass: "list" },
        { path: { org_id: orgId }, signal },
      ),
  });

export const breakGlassQuery = () =>
  infiniteQueryOptions({
    queryKey: ["break-glass"],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/break-glass", listing, { query: { limit: 100, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 60_000,
  });

/** Every organisation that this person may know of. */
export const allOrganisationsQuery = () =>
  queryOptions({
    queryKey: ["organisations", "all"],
    queryFn: ({ signal }): Promise<Whole<Organisation>> =>
      allPages((at) => api.get("/api/organisations", listing, { query: at, signal })),
  });
