import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";

export const healthQuery = () =>
  queryOptions({
    queryKey: ["system", "health"],
    queryFn: ({ signal }) =>
      api.get(
        "/api/system/health",
        { jobs: "list", alarms: "list", database: "object", evidence_store: "object" },
        { signal },
      ),
    refetchInterval: 15_000,
  });

export const settingsQuery = () =>
  queryOptions({
    queryKey: ["settings"],
    queryFn: ({ signal }) => api.get("/api/settings", { keys: "list" }, { signal }),
  });
