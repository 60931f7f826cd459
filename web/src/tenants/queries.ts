/** What the console asks about partners, organisations and sites. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";
import { allPages, untilReordered } from "../lib/pages";

const pageSize = 100;

export interface SitesFilter {
  q?: string;
  sort?: "name";
}

export const sitesQuery = ({ q, sort }: SitesFilter) => {
  const queryKey = ["sites", { q, sort }];
  return infiniteQueryOptions({
    queryKey,
    placeholderData: untilReordered(queryKey),
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/sites", listing, {
        query: { limit: pageSize, cursor: pageParam, q: q ?? "", sort: sort ?? "risk" },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });
};

/** The first few sites whose names match, for the palette. */
export const sitesSearchQuery = (q: string) =>
  queryOptions({
    queryKey: ["sites", "search", q],
    queryFn: ({ signal }) => api.get("/api/sites", listing, { query: { limit: 8, q, sort: "name" }, signal }),
    enabled: q !== "",
    placeholderData: (previous) => previous,
  });

/** The sites of one organisation. The list has no such filter, so its name narrows and its id decides. */
export const sitesOfQuery = (orgId: string, orgName: string) =>
  queryOptions({
    queryKey: ["sites", "of", orgId, orgName],
    queryFn: async ({ signal }) => {
      const { items } = await allPages((at) =>
        api.get("/api/sites", listing, { query: { ...at, q: orgName, sort: "name" }, signal }),
      );
      return items.filter((site) => site.org_id === orgId);
    },
  });

export const siteQuery = (siteId: string) =>
  queryOptions({
    queryKey: ["site", siteId],
    queryFn: ({ signal }) =>
      api.get(
        "/api/sites/{site_id}",
        { org: "object", partner: "object", log: "object", appliances: "list" },
        { path: { site_id: siteId }, signal },
      ),
  });

export const assetsQuery = (siteId: string) =>
  queryOptions({
    queryKey: ["site", siteId, "assets"],
    queryFn: ({ signal }) =>
      allPages((at) =>
        api.get("/api/sites/{site_id}/assets", listing, { path: { site_id: siteId }, query: at, signal }),
      ),
  });

export const codesQuery = (siteId: string) =>
  queryOptions({
    queryKey: ["site", siteId, "codes"],
    queryFn: ({ signal }) =>
      allPages((at) =>
        api.get("/api/sites/{site_id}/codes", listing, { path: { site_id: siteId }, query: at, signal }),
      ),
  });

export const partnersQuery = () =>
  queryOptions({
    queryKey: ["partners"],
    queryFn: ({ signal }) => allPages((at) => api.get("/api/partners", listing, { query: at, signal })),
  });

export const organisationsQuery = (partnerId: string) =>
  queryOptions({
    queryKey: ["organisations", partnerId],
    queryFn: ({ signal }) =>
      allPages((at) => api.get("/api/organisations", listing, { query: { ...at, partner_id: partnerId }, signal })),
    enabled: partnerId !== "",
  });
