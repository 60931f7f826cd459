import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";

export const overviewQuery = () =>
  queryOptions({ queryKey: ["overview"], queryFn: ({ signal }) => api.get("/api/overview", { signal }) });
