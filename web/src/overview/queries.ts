import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";

export const overviewQuery = () =>
  queryOptions({
    queryKey: ["overview"],
    queryFn: ({ signal }) =>
      api.get(
        "/api/overview",
        { counts: "object", posture: "object", attention: "list", sites: "list", healing_24h: "object" },
        { signal },
      ),
  });
