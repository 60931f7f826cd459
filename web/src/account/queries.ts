import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client";
import { listing } from "../api/shape";

export const factorsQuery = () =>
  queryOptions({
    queryKey: ["account", "factors"],
    queryFn: ({ signal }) => api.get("/api/auth/factors", { passkeys: "list" }, { signal }),
  });

export const ownSessionsQuery = () =>
  queryOptions({
    queryKey: ["account", "sessions"],
    queryFn: ({ signal }) => api.get("/api/auth/sessions", listing, { signal }),
  });

export const identitiesQuery = () =>
  queryOptions({
    queryKey: ["account", "identities"],
    queryFn: ({ signal }) => api.get("/api/auth/identities", listing, { signal }),
  });

export const offeredQuery = () =>
  queryOptions({
    queryKey: ["account", "providers"],
    queryFn: ({ signal }) => api.get("/api/auth/providers", listing, { signal }),
  });
