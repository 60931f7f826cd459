/** Every address of the console. Pages are loaded when somebody goes there, or is about to. */

import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  redirect,
} from "@tanstack/react-router";
import { applianceStatusNames, evidenceKindNames, incidentStateNames, severityNames } from "../api/types";
import { permission } from "../api/identity";
import { roleNames } from "../auth/roles";
import { scrollKey } from "../lib/on-top";
import { settingsTabs } from "../settings/tabs";
import { checked, isIndex, moment, oneOf, text } from "./search";
import { NotFound, PageError, PagePending, SectionError } from "./fallbacks";
import { needs } from "./needs";
import { Shell } from "./shell";

interface RouterContext {
  queryClient: QueryClient;
  /** Whether the person may do this: what they may not read is not asked for. */
  may: (action: string) => boolean;
}

const root = createRootRouteWithContext<RouterContext>()({ component: Shell, notFoundComponent: NotFound });

const incidentStates = [...incidentStateNames, "all"] as const;
const postureStates = ["fail", "not_assessed", "stale", "pass", "not_applicable", "not_covered"] as const;

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  loader: async ({ context }) =>
    context.may("overview.read") && (await import("../overview/page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../overview/page"), "Page"),
});

const sites = createRoute({
  getParentRoute: () => root,
  path: "/sites",
  beforeLoad: needs("site.read"),
  validateSearch: (raw: Record<string, unknown>) => checked({ q: text(raw, "q"), sort: oneOf(raw, "sort", ["name"]) }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, deps }) => (await import("../tenants/sites-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../tenants/sites-page"), "Page"),
});

const site = createRoute({
  getParentRoute: () => root,
  path: "/sites/$siteId",
  beforeLoad: needs("site.read"),
  loader: async ({ context, params }) =>
    (await import("../tenants/site-layout")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../tenants/site-layout"), "Page"),
});

const posture = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/",
  validateSearch: (raw: Record<string, unknown>) =>
    checked({
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
  beforeLoad: needs("appliance.read"),
  loader: async ({ context, params }) =>
    (await import("../appliances/site-page")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../appliances/site-page"), "Page"),
});

const siteIncidents = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/incidents",
  beforeLoad: needs("incident.read"),
  validateSearch: (raw: Record<string, unknown>) => checked({ state: oneOf(raw, "state", incidentStates) }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, params, deps }) =>
    (await import("../incidents/site-page")).prefetch(context.queryClient, params.siteId, deps),
  component: lazyRouteComponent(() => import("../incidents/site-page"), "Page"),
});

const siteEvidence = createRoute({
  getParentRoute: () => site,
  errorComponent: SectionError,
  path: "/evidence",
  beforeLoad: needs("evidence.read"),
  validateSearch: (raw: Record<string, unknown>) =>
    checked({ kind: oneOf(raw, "kind", evidenceKindNames), check: text(raw, "check") }),
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
    context.may("code.read") &&
    (await import("../tenants/site-settings-page")).prefetch(context.queryClient, params.siteId),
  component: lazyRouteComponent(() => import("../tenants/site-settings-page"), "Page"),
});

const entry = createRoute({
  getParentRoute: () => root,
  path: "/sites/$siteId/evidence/$index",
  beforeLoad: (opening) => {
    needs("evidence.read")(opening);
    if (!isIndex(opening.params.index)) throw notFound();
  },
  loader: async ({ context, params }) =>
    (await import("../proof/entry-page")).prefetch(context.queryClient, params.siteId, params.index),
  component: lazyRouteComponent(() => import("../proof/entry-page"), "Page"),
});

const incidents = createRoute({
  getParentRoute: () => root,
  path: "/incidents",
  beforeLoad: needs("incident.read"),
  validateSearch: (raw: Record<string, unknown>) =>
    checked({
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
  beforeLoad: needs("incident.read"),
  loader: async ({ context, params }) =>
    (await import("../incidents/detail-page")).prefetch(context.queryClient, params.incidentId),
  component: lazyRouteComponent(() => import("../incidents/detail-page"), "Page"),
});

const appliances = createRoute({
  getParentRoute: () => root,
  path: "/appliances",
  beforeLoad: needs("appliance.read"),
  validateSearch: (raw: Record<string, unknown>) =>
    checked({ status: oneOf(raw, "status", applianceStatusNames), show: text(raw, "show") }),
  loaderDeps: ({ search: { status } }) => ({ status }),
  loader: async ({ context, deps }) => (await import("../appliances/list-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../appliances/list-page"), "Page"),
});

const provision = createRoute({
  getParentRoute: () => root,
  path: "/provision",
  beforeLoad: needs("code.create"),
  validateSearch: (raw: Record<string, unknown>) =>
    checked({ partner: text(raw, "partner"), org: text(raw, "org"), site: text(raw, "site") }),
  component: lazyRouteComponent(() => import("../appliances/provision-page"), "Page"),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  beforeLoad: needs("audit.read"),
  validateSearch: (raw: Record<string, unknown>) =>
    checked({
      actor: text(raw, "actor"),
      action: text(raw, "action"),
      from: moment(raw, "from"),
      to: moment(raw, "to"),
      outcome: oneOf(raw, "outcome", ["done", "denied", "failed"]),
      org: text(raw, "org"),
      search: text(raw, "search"),
    }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, deps }) => (await import("../audit/page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../audit/page"), "Page"),
});

const system = createRoute({
  getParentRoute: () => root,
  path: "/system",
  beforeLoad: needs("system.read"),
  loader: async ({ context }) => (await import("../system/health-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../system/health-page"), "Page"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  beforeLoad: needs(...settingsTabs.map((tab) => tab.permission)),
  component: lazyRouteComponent(() => import("../settings/layout"), "Page"),
});

const settingsGeneral = createRoute({
  getParentRoute: () => settings,
  errorComponent: SectionError,
  path: "/",
  // Who may not see the first page begins with the first that they may see.
  beforeLoad: ({ context }) => {
    const first = settingsTabs.find((tab) => context.may(tab.permission));
    if (first && first.to !== "/settings") throw redirect({ to: first.to, replace: true });
  },
  loader: async ({ context }) => (await import("../settings/general-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../settings/general-page"), "Page"),
});

const settingsProviders = createRoute({
  getParentRoute: () => settings,
  errorComponent: SectionError,
  path: "/providers",
  beforeLoad: needs(permission.seeProviders),
  loader: async ({ context }) => (await import("../settings/providers-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../settings/providers-page"), "Page"),
});

const settingsApprovals = createRoute({
  getParentRoute: () => settings,
  errorComponent: SectionError,
  path: "/approvals",
  beforeLoad: needs(permission.seeApprovals),
  loader: async ({ context }) => (await import("../settings/approvals-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../settings/approvals-page"), "Page"),
});

const settingsTokens = createRoute({
  getParentRoute: () => settings,
  errorComponent: SectionError,
  path: "/tokens",
  beforeLoad: needs(permission.seeTokens),
  loader: async ({ context }) => (await import("../settings/tokens-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../settings/tokens-page"), "Page"),
});

const settingsMail = createRoute({
  getParentRoute: () => settings,
  errorComponent: SectionError,
  path: "/mail",
  beforeLoad: needs(permission.seeMail),
  validateSearch: (raw: Record<string, unknown>) =>
    checked({ state: oneOf(raw, "state", ["failed", "queued", "sent"]) }),
  loaderDeps: ({ search }) => search,
  loader: async ({ context, deps }) => (await import("../settings/mail-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../settings/mail-page"), "Page"),
});

const settingsKeys = createRoute({
  getParentRoute: () => settings,
  errorComponent: SectionError,
  path: "/keys",
  beforeLoad: needs(permission.seeKeys),
  loader: async ({ context }) => (await import("../settings/keys-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../settings/keys-page"), "Page"),
});

const account = createRoute({
  getParentRoute: () => root,
  path: "/account",
  validateSearch: (raw: Record<string, unknown>) => checked({ problem: text(raw, "problem") }),
  loader: async ({ context }) => (await import("../account/page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../account/page"), "Page"),
});

const people = createRoute({
  getParentRoute: () => root,
  path: "/people",
  beforeLoad: needs(permission.seePeople),
  component: lazyRouteComponent(() => import("../people/layout"), "Page"),
});

const peopleList = createRoute({
  getParentRoute: () => people,
  errorComponent: SectionError,
  path: "/",
  validateSearch: (raw: Record<string, unknown>) =>
    checked({
      q: text(raw, "q"),
      role: oneOf(raw, "role", roleNames),
      status: oneOf(raw, "status", ["active", "suspended"]),
      show: text(raw, "show"),
    }),
  loaderDeps: ({ search: { q, role, status } }) => checked({ q, role, status }),
  loader: async ({ context, deps }) => (await import("../people/list-page")).prefetch(context.queryClient, deps),
  component: lazyRouteComponent(() => import("../people/list-page"), "Page"),
});

const invitations = createRoute({
  getParentRoute: () => people,
  errorComponent: SectionError,
  path: "/invitations",
  beforeLoad: needs(permission.seeInvitations),
  loader: async ({ context }) => (await import("../people/invitations-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../people/invitations-page"), "Page"),
});

const secondFactors = createRoute({
  getParentRoute: () => people,
  errorComponent: SectionError,
  path: "/second-factors",
  beforeLoad: needs(permission.seeFactorPolicy),
  loader: async ({ context }) => (await import("../people/second-factors-page")).prefetch(context.queryClient),
  component: lazyRouteComponent(() => import("../people/second-factors-page"), "Page"),
});

const emergency = createRoute({
  getParentRoute: () => root,
  path: "/emergency",
  beforeLoad: needs(permission.seeBreakGlass),
  loader: async ({ context }) => (await import("../access/page")).prefetch(context.queryClient, context.may),
  component: lazyRouteComponent(() => import("../access/page"), "Page"),
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
  settings.addChildren([
    settingsGeneral,
    settingsProviders,
    settingsApprovals,
    settingsTokens,
    settingsMail,
    settingsKeys,
  ]),
  account,
  people.addChildren([peopleList, invitations, secondFactors]),
  emergency,
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

export function createAppRouter(queryClient: QueryClient, permissions: readonly string[]) {
  return createRouter({
    routeTree,
    context: { queryClient, may: (action) => permissions.includes(action) },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 150,
    defaultPendingMinMs: 0,
    defaultPendingComponent: PagePending,
    defaultErrorComponent: PageError,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
    getScrollRestorationKey: scrollKey,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
