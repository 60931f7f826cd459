import { infiniteQueryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";
import type { ApplianceStatus } from "../api/types";

export interface ApplianceFilter {
  status?: ApplianceStatus | undefined;
  siteId?: string | undefined;
}

export const appliancesQuery = ({ status, siteId }: ApplianceFilter) =>
  infiniteQueryOptions({
    queryKey: ["appliances", { status, siteId }],
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/appliances", listing, {
        query: { limit: 100, cursor: pageParam, ...(status ? { status } : {}), ...(siteId ? { site_id: siteId } : {}) },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });
