import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";
import type { EvidenceKind } from "../api/types";

export interface EvidenceFilter {
  kind?: EvidenceKind | undefined;
  check?: string | undefined;
}

export const evidenceQuery = (siteId: string, { kind, check }: EvidenceFilter) =>
  infiniteQueryOptions({
    queryKey: ["site", siteId, "evidence", { kind, check }],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/sites/{site_id}/evidence", listing, {
        path: { site_id: siteId },
        query: { limit: 100, cursor: pageParam, ...(kind ? { kind } : {}), ...(check ? { check_id: check } : {}) },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });

const entryShape = {
  key: "object",
  checkpoint: "object",
  checkpoint_key: "object",
  checkpoint_successors: "list",
  inclusion_proof: "list",
} as const;

export const fetchEntry = (siteId: string, index: number, signal?: AbortSignal) =>
  api.get("/api/sites/{site_id}/evidence/{index}", entryShape, {
    path: { site_id: siteId, index },
    ...(signal ? { signal } : {}),
  });

export const entryQuery = (siteId: string, index: number) =>
  queryOptions({
    queryKey: ["site", siteId, "entry", index],
    queryFn: ({ signal }) => fetchEntry(siteId, index, signal),
    // An entry never changes; its proof grows with the log, and either is good.
    staleTime: 10 * 60_000,
  });
