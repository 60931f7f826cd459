import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";
import { untilReordered } from "../lib/pages";
import type { IncidentState, Severity } from "../api/types";

export interface IncidentFilter {
  state?: IncidentState | "all" | undefined;
  severity?: Severity | undefined;
  sort?: "newest" | undefined;
  siteId?: string | undefined;
}

export const incidentsQuery = ({ state, severity, sort, siteId }: IncidentFilter) => {
  const queryKey = ["incidents", { state, severity, sort, siteId }];
  return infiniteQueryOptions({
    queryKey,
    placeholderData: untilReordered(queryKey),
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/incidents", listing, {
        query: {
          limit: 100,
          cursor: pageParam,
          state: state ?? "open",
          sort: sort ?? "severity",
          ...(severity ? { severity } : {}),
          ...(siteId ? { site_id: siteId } : {}),
        },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });
};

export const incidentQuery = (id: string) =>
  queryOptions({
    queryKey: ["incident", id],
    queryFn: ({ signal }) =>
      api.get(
        "/api/incidents/{incident_id}",
        { check: "object", transitions: "list", heals: "list" },
        { path: { incident_id: id }, signal },
      ),
  });
