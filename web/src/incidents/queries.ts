import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import type { components } from "../api/schema";

export type IncidentRow = components["schemas"]["IncidentRow"];
export type IncidentDetail = components["schemas"]["IncidentDetail"];
export type IncidentState = components["schemas"]["IncidentState"];
type Severity = components["schemas"]["Severity"];

export interface IncidentFilter {
  state?: IncidentState | "all" | undefined;
  severity?: Severity | undefined;
  sort?: "newest" | undefined;
  siteId?: string | undefined;
}

export const incidentsQuery = ({ state, severity, sort, siteId }: IncidentFilter) =>
  infiniteQueryOptions({
    queryKey: ["incidents", { state, severity, sort, siteId }],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/incidents", {
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

export const incidentQuery = (id: string) =>
  queryOptions({
    queryKey: ["incident", id],
    queryFn: ({ signal }) => api.get("/api/incidents/{id}", { path: { id }, signal }),
  });
