import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import type { EvidenceKind } from "../api/types";

export interface EvidenceFilter {
  kind?: EvidenceKind | undefined;
  check?: string | undefined;
}

export const evidenceQuery = (siteId: string, { kind, check }: EvidenceFilter) =>
  infiniteQueryOptions({
    queryKey: ["site", siteId, "evidence", { kind, check }],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/sites/{site_id}/evidence", {
        path: { site_id: siteId },
        query: { limit: 100, cursor: pageParam, ...(kind ? { kind } : {}), ...(check ? { check_id: check } : {}) },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

export const entryQuery = (siteId: string, index: number) =>
  queryOptions({
    queryKey: ["site", siteId, "entry", index],
    queryFn: ({ signal }) => api.get("/api/sites/{site_id}/evidence/{index}", { path: { site_id: siteId, index }, signal }),
    // An entry never changes; its proof grows with the log, and either is good.
    staleTime: 10 * 60_000,
  });
