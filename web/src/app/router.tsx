/** Every address of the console. Pages are loaded when somebody goes there, or is about to. */

import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { applianceStatusNames, evidenceKindNames, incidentStateNames, severityNames } from "../api/types";
import { defined, moment, oneOf, text } from "./search";
import { NotFound, PageError, PagePending, SectionError } from "./fallbacks";
import { Shell } from "./shell";

interface RouterContext {
  queryClient: QueryClient;
}

const root = createRootRouteWithContext<RouterContext>()({ component: Shell, notFoundComponent: NotFound });

const incidentStates = [...incidentStateNames, "all"] as const;
const postureStates = ["fail", "not_assessed", "stale", "pass", "not_applicable", "not_covered"] as const;

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  loader: async ({ context }) => (await import("../overview/page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../overview/page"), "Page"),
});

const sites = createRoute({
  getParentRoute: () => root,
  path: "/sites",
  validateSearch: (raw: Record<string, unknown>) => defined({ q: text(raw, "q"), sort: oneOf(raw, "sort", ["name"]) }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, deps }) => (await import("../tenants/sites-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../tenants/sites-page"), "Page"),
});

const site = createRoute({
  getParentRoute: () => root,
  path: "/sites/$siteId",
  loader: async ({ context, params }) =>
    (await import("../tenants/site-layout")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../tenants/site-layout"), "Page"),
});

const posture = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/",
  validateSearch: (raw: Record<string, unknown>) =>
    defined({
      as_of: moment(raw, "as_of"),
      asset: text(raw, "asset"),
      state: oneOf(raw, "state", postureStates),
      q: text(raw, "q"),
      check: text(raw, "check"),
      on: text(raw, "on"),
    }),
  loaderDeps: ({ search: { as_of, asset } }) => ({ as_of, asset }),
  loader: async ({ context, params, deps }) =>
    (await import("../scoring/posture-page")).prefetch(context.queryClient, params.siteId, deps),
  component: lazyRouteComponent(() => import("../scoring/posture-page"), "Page"),
});

const siteAssets = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/assets",
  loader: async ({ context, params }) =>
    (await import("../tenants/assets-page")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../tenants/assets-page"), "Page"),
});

const siteAppliances = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/appliances",
  loader: async ({ context, params }) =>
    (await import("../appliances/site-page")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../appliances/site-page"), "Page"),
});

const siteIncidents = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/incidents",
  validateSearch: (raw: Record<string, unknown>) => defined({ state: oneOf(raw, "state", incidentStates) }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, params, deps }) =>
    (await import("../incidents/site-page")).prefetch(context.queryClient, params.siteId, deps),
  component: lazyRouteComponent(() => import("../incidents/site-page"), "Page"),
});

const siteEvidence = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/evidence",
  validateSearch: (raw: Record<string, unknown>) =>
    defined({ kind: oneOf(raw, "kind", evidenceKindNames), check: text(raw, "check") }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, params, deps }) =>
    (await import("../proof/site-page")).prefetch(context.queryClient, params.siteId, deps),
  component: lazyRouteComponent(() => import("../proof/site-page"), "Page"),
});

const siteSettings = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/settings",
  loader: async ({ context, params }) =>
    (await import("../tenants/site-settings-page")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../tenants/site-settings-page"), "Page"),
});

const entry = createRoute({
  getParentRoute: () => root,
  path: "/sites/$siteId/evidence/$index",
  loader: async ({ context, params }) =>
    (await import("../proof/entry-page")).prefetch(context.queryClient, params.siteId, params.index),
  component: lazyRouteComponent(() => import("../proof/entry-page"), "Page"),
});

const incidents = createRoute({
  getParentRoute: () => root,
  path: "/incidents",
  validateSearch: (raw: Record<string, unknown>) =>
    defined({
      state: oneOf(raw, "state", incidentStates),
      severity: oneOf(raw, "severity", severityNames),
      sort: oneOf(raw, "sort", ["newest"]),
    }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, deps }) => (await import("../incidents/list-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../incidents/list-page"), "Page"),
});

const incident = createRoute({
  getParentRoute: () => root,
  path: "/incidents/$incidentId",
  loader: async ({ context, params }) =>
    (await import("../incidents/detail-page")).prefetch(context.queryClient, params.incidentId),
  component: lazyRouteComponent(() => import("../incidents/detail-page"), "Page"),
});

const appliances = createRoute({
  getParentRoute: () => root,
  path: "/appliances",
  validateSearch: (raw: Record<string, unknown>) =>
    defined({ status: oneOf(raw, "status", applianceStatusNames), show: text(raw, "show") }),
  loaderDeps: ({ search: { status } }) => ({ status }),
  loader: async ({ context, deps }) => (await import("../appliances/list-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../appliances/list-page"), "Page"),
});

const provision = createRoute({
  getParentRoute: () => root,
  path: "/provision",
  validateSearch: (raw: Record<string, unknown>) =>
    defined({ partner: text(raw, "partner"), org: text(raw, "org"), site: text(raw, "site") }),
  component: lazyRouteComponent(() => import("../appliances/provision-page"), "Page"),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  validateSearch: (raw: Record<string, unknown>) =>
    defined({
      actor: text(raw, "actor"),
      action: text(raw, "action"),
      from: moment(raw, "from"),
      to: moment(raw, "to"),
    }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, deps }) => (await import("../audit/page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../audit/page"), "Page"),
});

const system = createRoute({
  getParentRoute: () => root,
  path: "/system",
  loader: async ({ context }) => (await import("../system/health-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../system/health-page"), "Page"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  loader: async ({ context }) => (await import("../system/settings-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../system/settings-page"), "Page"),
});

const routeTree = root.addChildren([
  overview,
  sites,
  site.addChildren([posture, siteAssets, siteAppliances, siteIncidents, siteEvidence, siteSettings]),
  entry,
  incidents,
  incident,
  appliances,
  provision,
  audit,
  system,
  settings,
  ...developmentRoutes(),
]);

/** The component gallery exists in development only; the build leaves it out. */
function developmentRoutes() {
  if (!import.meta.env.DEV && import.meta.env.MODE !== "gallery") return [];
  return [
    createRoute({
      getParentRoute: () => root,
      path: "/gallery",
      component: lazyRouteComponent(() => import("../../dev/gallery/page"), "Page"),
    }),
  ];
}

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 150,
    defaultPendingMinMs: 0,
    defaultPendingComponent: PagePending,
    defaultErrorComponent: PageError,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
