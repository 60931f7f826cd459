import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
export interface PostureScope {
  as_of?: string | undefined;
  asset?: string | undefined;
}

export const postureQuery = (siteId: string, { as_of, asset }: PostureScope) =>
  queryOptions({
    queryKey: ["site", siteId, "posture", { as_of, asset }],
    queryFn: ({ signal }) =>
      api.get(
        "/api/sites/{site_id}/posture",
        { controls: "list" },
        {
          path: { site_id: siteId },
          query: { ...(as_of ? { as_of } : {}), ...(asset ? { asset_id: asset } : {}) },
          signal,
        },
      ),
    // The past does not change.
    staleTime: as_of ? Number.POSITIVE_INFINITY : 15_000,
    placeholderData: (previous) => previous,
  });
