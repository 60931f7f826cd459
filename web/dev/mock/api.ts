/** The mock's routes: the console API over the seeded fleet, in memory. */

import { controls } from "./catalog.ts";
import { day, hour, iso, minute, now } from "./clock.ts";
import { evidenceOf, installation, logOf, publicKeys } from "./evidence.ts";
import {
  addSite,
  controlState,
  forget,
  makeAppliance,
  measure,
  organisations,
  partners,
  resolve,
  type Site,
  sites,
  summarise,
} from "./fleet.ts";
import { detail, escalate, incidents } from "./incidents.ts";
import { missing, page, Refusal, required, type Route } from "./kit.ts";
import { hex } from "./log.ts";
import { Random } from "./random.ts";
import type { S } from "./wire.ts";

const random = new Random(77);
const codes: (S["Code"] & { site_id: string })[] = [];
let installationName = installation.name;

function siteOf(id: string | undefined): Site {
  return sites.find((site) => site.id === id) ?? missing();
}

const severityRank: Record<string, number> = { critical: 4, high: 3, medium: 2, low: 1 };
const open = (row: S["IncidentRow"]) => row.resolved_at === null;

function risk(site: Site): number {
  const { summary } = summarise(site);
  const offline = summary.appliance_status === "offline" ? 60 : summary.appliance_status === "pending" ? 15 : 0;
  return 100 - (summary.score ?? 30) + summary.controls.fail * 6 + offline;
}

function overview(): S["Overview"] {
  const summaries = sites.map(summarise);
  const sum = (pick: (s: S["SiteSummary"]) => number) => summaries.reduce((n, { summary }) => n + pick(summary), 0);
  const weights = summaries.reduce(
    (a, { weights: w }) => ({
      passed: a.passed + w.passed,
      total: a.total + w.total,
      assessed: a.assessed + w.assessed,
      applicable: a.applicable + w.applicable,
    }),
    { passed: 0, total: 0, assessed: 0, applicable: 0 },
  );
  const status = (s: string) => sites.filter((site) => site.appliance?.status === s).length;
  const score = weights.assessed ? Math.round((weights.passed / weights.total) * 1000) / 10 : null;
  const offline = sites.filter((site) => site.appliance?.status === "offline");
  const attention: S["Attention"][] = [
    ...incidents()
      .filter(
        (i) => open(i) && (i.state === "escalated" || i.state === "awaiting_approval" || i.severity === "critical"),
      )
      .sort((a, b) => (severityRank[b.severity] ?? 0) - (severityRank[a.severity] ?? 0))
      .map((i): S["Attention"] => ({
        kind:
          i.state === "escalated" ? "escalated" : i.state === "awaiting_approval" ? "awaiting_approval" : "incident",
        severity: i.severity,
        title: i.title,
        detail: i.why,
        site_id: i.site_id,
        site_name: i.site_name,
        org_name: i.org_name,
        incident_id: i.id,
        since: i.opened_at,
      })),
    ...offline.map((site): S["Attention"] => ({
      kind: "offline",
      severity: "high",
      title: "No evidence for 3 h 12 min",
      detail: "The appliance is offline. Everything is shown as stale, nothing as pass.",
      site_id: site.id,
      site_name: site.name,
      org_name: site.org.name,
      incident_id: null,
      since: site.appliance?.last_seen_at ?? iso(now()),
    })),
    ...sites
      .filter((s) => s.profile === "mixed")
      .map((site): S["Attention"] => ({
        kind: "unmeasured",
        severity: "medium",
        title: "The disk with patient data could not be measured",
        detail: "Permission denied since the agent update. It counts against coverage.",
        site_id: site.id,
        site_name: site.name,
        org_name: site.org.name,
        incident_id: null,
        since: iso(now() - 9 * hour),
      })),
  ];
  return {
    counts: {
      organisations: organisations.length,
      sites: sites.length,
      appliances_online: status("online"),
      appliances_stale: status("stale"),
      appliances_offline: status("offline"),
      appliances_pending: status("pending"),
      assets: sites.reduce((n, s) => n + s.assets.length, 0),
      open_incidents: incidents().filter(open).length,
      resolved_24h: 14,
    },
    posture: {
      score,
      excepted_score: score === null ? null : score + 1.2,
      coverage: weights.applicable ? weights.assessed / weights.applicable : null,
      pass: sum((s) => s.controls.pass),
      fail: sum((s) => s.controls.fail),
      not_assessed: sum((s) => s.controls.not_assessed),
      stale: sum((s) => s.controls.stale),
      not_applicable: sum((s) => s.controls.not_applicable),
    },
    attention: attention.slice(0, 20),
    attention_total: attention.length,
    attention_sites: new Set(attention.map((item) => item.site_id)).size,
    sites: [...sites]
      .sort((a, b) => risk(b) - risk(a))
      .slice(0, 20)
      .map((s) => summarise(s).summary),
    healing_24h: { l1_resolved: 14, l1_not_effective: 2, escalated: 2, awaiting_approval: 5 },
  };
}

export function posture(site: Site, query: URLSearchParams): S["Posture"] {
  const asOf = query.get("as_of") ? Date.parse(query.get("as_of") as string) : now();
  const result = resolve(site, asOf);
  const log = logOf(site);
  const asset = query.get("asset_id");
  const measured = asset ? result.measured.filter((m) => m.asset_id === asset) : result.measured;
  return {
    as_of: iso(asOf),
    score: result.score,
    excepted_score: result.score,
    coverage: result.coverage,
    profile: "hipaa-current",
    controls: controls.map((control) => ({
      ...control,
      state: controlState(control, measured),
      checks: measured
        .filter((m) => m.control === control.id)
        .map((m) => {
          const { control: _control, check: _check, ...rest } = m;
          return { ...rest, ...evidenceOf(log, m, asOf) };
        }),
    })),
  };
}

function siteDetail(site: Site): S["SiteDetail"] {
  const log = logOf(site);
  return {
    ...summarise(site).summary,
    timezone: site.timezone,
    org: site.org,
    partner: site.partner,
    appliances: site.appliance ? [site.appliance] : [],
    created_at: iso(site.created),
    log: {
      size: log.entries.length,
      root: hex(log.root()),
      published_size: log.published,
      published_at: log.published ? iso(now() - 22 * minute) : null,
    },
  };
}

function applianceOf(id: string | undefined): { appliance: S["Appliance"]; site: Site } {
  const site = sites.find((s) => s.appliance?.id === id);
  return site?.appliance ? { appliance: site.appliance, site } : missing();
}

const auditActions = [
  "session.start",
  "site.create",
  "code.create",
  "incident.approve",
  "appliance.set_mode",
  "settings.update",
  "incident.escalate",
  "evidence.export",
];
const audit: S["AuditRow"][] = Array.from({ length: 320 }, (_, i) => {
  const denied = i % 23 === 7;
  const system = i % 9 === 4;
  const action = system ? "provision.claim" : (auditActions[i % auditActions.length] as string);
  return {
    id: random.id("aud"),
    at: iso(now() - i * 47 * minute - 3 * minute),
    actor_kind: system ? "appliance" : "person",
    actor_id: system ? random.id("app") : "user_01k9m2v4c8q7r5t3w1x6y0z2aa",
    actor_name: system ? "lakeview-dental-box" : (["Maren Rausch", "Tomás Ibarra", "Jo Whitfield"][i % 3] as string),
    action,
    resource: sites.length ? (sites[i % sites.length] as Site).id : installation.id,
    outcome: denied ? "denied" : i % 41 === 13 ? "failed" : "done",
    request_id: random.id("req"),
    detail: denied ? { reason: "role staff_readonly" } : {},
  };
});

const alarms: S["Health"]["alarms"] = [
  {
    id: "alarm_01k9m2v4c8q7r5t3w1x6y0z2ab",
    kind: "seq_conflict",
    detail: `${sites[2]?.appliance?.id} sent other bytes under number 4127`,
    site_id: sites[2]?.id ?? "",
    raised_at: iso(now() - 40 * minute),
  },
  {
    id: "alarm_01k9m2v4c8q7r5t3w1x6y0z2ac",
    kind: "state_mismatch",
    detail: "The machine confirmed a state that its statements do not add up to; it was asked for all of it",
    site_id: sites[5]?.id ?? "",
    raised_at: iso(now() - 3 * hour),
  },
];

const jobs = (): S["Health"]["jobs"] => [
  ...(
    [
      ["evidence.publish", "Publishes each site's log to the evidence store", 3600, "ok", 412],
      ["evidence.sample", "Verifies a random sample of stored entries", 3600, "ok", 1840],
      ["appliances.presence", "Marks appliances stale and offline", 60, "ok", 6],
      ["posture.refresh", "Recomputes scores whose evidence went stale", 60, "ok", 38],
      ["sessions.expire", "Ends old sessions and codes", 300, "ok", 4],
      ["orders.expire", "Ends orders that nobody fetched", 60, "ok", 3],
      ["retention.purge", "Drops telemetry beyond its retention", 86400, "error", 920],
    ] as const
  ).map(([name, purpose, every, result, ms], i) => ({
    name,
    purpose,
    every_s: every,
    last_run_at: iso(now() - (i + 1) * 7000),
    last_result: result,
    last_detail: name === "evidence.sample" ? "250 entries verified, 0 failed" : null,
    last_error: result === "error" ? "lock timeout on telemetry_2026_10; the next run tries again" : null,
    next_run_at: iso(now() + every * 900),
    duration_ms: ms,
  })),
  {
    name: "evidence.anchor",
    purpose: "Time-stamps a checkpoint of checkpoints",
    every_s: 86400,
    last_run_at: null,
    last_result: null,
    last_detail: null,
    last_error: null,
    next_run_at: iso(now() + 3 * hour),
    duration_ms: null,
  },
];

export const routes: Route[] = [
  ["GET", /^\/api\/overview$/, () => ({ body: overview() })],
  ["GET", /^\/api\/partners$/, ({ query }) => ({ body: page(partners, query) })],
  [
    "POST",
    /^\/api\/partners$/,
    ({ body }) => {
      const partner = { id: random.id("partner"), name: required(body, "name"), created_at: iso(now()) };
      partners.unshift(partner);
      return { status: 201, body: partner };
    },
  ],
  [
    "GET",
    /^\/api\/organisations$/,
    ({ query }) => ({
      body: page(
        organisations.filter((o) => !query.get("partner_id") || o.partner_id === query.get("partner_id")),
        query,
      ),
    }),
  ],
  [
    "POST",
    /^\/api\/organisations$/,
    ({ body }) => {
      const partner = partners.find((p) => p.id === body.partner_id) ?? missing();
      const organisation = {
        id: random.id("org"),
        name: required(body, "name"),
        partner_id: partner.id,
        partner_name: partner.name,
        created_at: iso(now()),
        restricted: false,
      };
      organisations.unshift(organisation);
      return { status: 201, body: organisation };
    },
  ],
  [
    "GET",
    /^\/api\/sites$/,
    ({ query }) => {
      const q = (query.get("q") ?? "").toLowerCase();
      const found = sites.filter((s) => `${s.name} ${s.org.name} ${s.partner.name}`.toLowerCase().includes(q));
      found.sort(query.get("sort") === "name" ? (a, b) => a.name.localeCompare(b.name) : (a, b) => risk(b) - risk(a));
      const { items, next_cursor } = page(found, query);
      return { body: { items: items.map((s) => summarise(s).summary), next_cursor } };
    },
  ],
  [
    "POST",
    /^\/api\/sites$/,
    ({ body }) => {
      const org = organisations.find((o) => o.id === body.org_id) ?? missing();
      const site = addSite(org, required(body, "name"), {
        profile: "empty",
        created: now(),
        timezone: required(body, "timezone"),
      });
      return { status: 201, body: { id: site.id, name: site.name, org_id: org.id, timezone: site.timezone } };
    },
  ],
  ["GET", /^\/api\/sites\/([^/]+)$/, (_, id) => ({ body: siteDetail(siteOf(id)) })],
  ["GET", /^\/api\/sites\/([^/]+)\/posture$/, ({ query }, id) => ({ body: posture(siteOf(id), query) })],
  [
    "GET",
    /^\/api\/sites\/([^/]+)\/assets$/,
    ({ query }, id) => {
      const site = siteOf(id);
      const measured = measure(site, now());
      return {
        body: page(
          site.assets.map((asset): S["Asset"] => {
            const mine = measured.filter((m) => m.asset_id === asset.id);
            const count = (v: string) => mine.filter((m) => m.verdict === v && m.freshness === "fresh").length;
            return {
              id: asset.id,
              name: asset.name,
              kind: "server",
              platform: asset.platform,
              role: asset.role,
              checks: {
                pass: count("pass"),
                fail: count("fail"),
                unknown: count("unknown"),
                error: count("error"),
                not_applicable: count("not_applicable"),
                stale: mine.filter((m) => m.freshness === "stale").length,
              },
              last_confirmed_at: mine[0]?.last_confirmed_at ?? null,
            };
          }),
          query,
        ),
      };
    },
  ],
  [
    "GET",
    /^\/api\/sites\/([^/]+)\/evidence$/,
    ({ query }, id) => {
      const kind = query.get("kind");
      const before = query.get("before_index");
      const rows = logOf(siteOf(id))
        .entries.map((e) => e.row)
        .reverse();
      return {
        body: page(
          rows.filter((r) => (!kind || r.kind === kind) && (!before || r.index < Number(before))),
          query,
        ),
      };
    },
  ],
  [
    "GET",
    /^\/api\/sites\/([^/]+)\/evidence\/(\d+)$/,
    (_, id, index) => ({ body: logOf(siteOf(id)).entry(Number(index)) ?? missing() }),
  ],
  [
    "GET",
    /^\/api\/sites\/([^/]+)\/codes$/,
    ({ query }, id) => ({
      body: page(
        codes.filter((c) => c.site_id === siteOf(id).id).map(({ site_id: _, ...code }) => code),
        query,
      ),
    }),
  ],
  [
    "POST",
    /^\/api\/sites\/([^/]+)\/codes$/,
    ({ body }, id) => {
      const site = siteOf(id);
      const code =
        `PL-${random.id("x").slice(4, 8)}-${random.id("x").slice(6, 10)}-${random.id("x").slice(8, 12)}`.toUpperCase();
      const issued = {
        id: random.id("code"),
        label: String(body.label ?? ""),
        state: "open",
        created_at: iso(now()),
        created_by: "Maren Rausch",
        expires_at: iso(now() + 30 * day),
        appliance_id: null,
        claimed_at: null,
        site_id: site.id,
      };
      codes.unshift(issued);
      return {
        status: 201,
        body: {
          id: issued.id,
          code,
          expires_at: issued.expires_at,
          enroll_command: `proofline-agent enroll --server https://central.northgate.example --code ${code}`,
        },
      };
    },
  ],
  [
    "DELETE",
    /^\/api\/codes\/([^/]+)$/,
    (_, id) => {
      const code = codes.find((c) => c.id === id) ?? missing();
      codes.splice(codes.indexOf(code), 1);
      return { status: 204 };
    },
  ],
  [
    "GET",
    /^\/api\/incidents$/,
    ({ query }) => {
      const state = query.get("state") ?? "open";
      const rows = incidents().filter(
        (i) =>
          (state === "all" || (state === "open" ? open(i) : i.state === state)) &&
          (!query.get("site_id") || i.site_id === query.get("site_id")) &&
          (!query.get("severity") || i.severity === query.get("severity")),
      );
      if (query.get("sort") === "severity")
        rows.sort((a, b) => (severityRank[b.severity] ?? 0) - (severityRank[a.severity] ?? 0));
      return { body: page(rows, query) };
    },
  ],
  [
    "GET",
    /^\/api\/incidents\/([^/]+)$/,
    (_, id) => ({ body: detail(incidents().find((i) => i.id === id) ?? missing()) }),
  ],
  [
    "POST",
    /^\/api\/incidents\/([^/]+)\/approve$/,
    (_, id) => {
      const incident = incidents().find((i) => i.id === id) ?? missing();
      if (incident.state !== "awaiting_approval")
        throw new Refusal(409, "not_awaiting_approval", "Somebody decided already.");
      incident.state = "healing";
      incident.why = "Approved; the appliance fetches the order at its next check-in.";
      return {
        status: 202,
        body: { order_id: random.id("ord"), plan_digest: "" },
        changed: { topic: "incident", site_id: incident.site_id, id: incident.id },
      };
    },
  ],
  [
    "POST",
    /^\/api\/incidents\/([^/]+)\/escalate$/,
    ({ body, account }, id) => {
      const incident = incidents().find((i) => i.id === id) ?? missing();
      escalate(incident, account, required(body, "reason"));
      return { body: incident, changed: { topic: "incident", site_id: incident.site_id, id: incident.id } };
    },
  ],
  [
    "GET",
    /^\/api\/appliances$/,
    ({ query }) => ({
      body: page(
        sites
          .flatMap(({ appliance }) => appliance ?? [])
          .filter(
            (a) =>
              (!query.get("site_id") || a.site_id === query.get("site_id")) &&
              (!query.get("status") || a.status === query.get("status")),
          ),
        query,
      ),
    }),
  ],
  [
    "POST",
    /^\/api\/appliances\/([^/]+)\/revoke$/,
    ({ body }, id) => {
      const { appliance, site } = applianceOf(id);
      required(body, "reason");
      appliance.revoked_at = iso(now());
      appliance.status = "revoked";
      forget(site);
      return { body: appliance, changed: { topic: "appliance", site_id: site.id, id: appliance.id } };
    },
  ],
  [
    "POST",
    /^\/api\/appliances\/([^/]+)\/mode$/,
    ({ body }, id) => {
      const { appliance, site } = applianceOf(id);
      appliance.mode = body.mode as S["Mode"];
      return { body: appliance, changed: { topic: "appliance", site_id: site.id, id: appliance.id } };
    },
  ],
  ["POST", /^\/api\/appliances\/([^/]+)\/run-checks$/, () => ({ status: 202, body: { order_id: random.id("ord") } })],
  ["GET", /^\/api\/orders$/, ({ query }) => ({ body: page([], query) })],
  [
    "GET",
    /^\/api\/audit$/,
    ({ query }) => ({
      body: page(
        audit.filter(
          (a) =>
            (!query.get("action") || a.action.startsWith(query.get("action") as string)) &&
            (!query.get("actor") ||
              a.actor_name.toLowerCase().includes((query.get("actor") as string).toLowerCase())) &&
            (!query.get("outcome") || a.outcome === query.get("outcome")) &&
            (!query.get("search") ||
              JSON.stringify(a)
                .toLowerCase()
                .includes((query.get("search") as string).toLowerCase())) &&
            (!query.get("org_id") || sites.some((s) => s.id === a.resource && s.org.id === query.get("org_id"))) &&
            (!query.get("from") || a.at >= (query.get("from") as string)) &&
            (!query.get("to") || a.at <= (query.get("to") as string)),
        ),
        query,
      ),
    }),
  ],
  [
    "GET",
    /^\/api\/system\/health$/,
    () => ({
      body: {
        version: "0.1.0",
        started_at: iso(now() - 3 * day - 4 * hour),
        database: { kind: "embedded", version: "15.14", size_bytes: 412_384_256, pool: { size: 8, idle: 6, max: 20 } },
        jobs: jobs(),
        evidence_store: {
          kind: "local",
          worm: false,
          explanation:
            "The evidence store is a folder on this server. Whoever administers the server can delete files in it. Deletion is noticed, because the logs would no longer match their published checkpoints, but it is not prevented.",
          last_published_at: iso(now() - 22 * minute),
          backlog: 0,
        },
        alarms,
      } satisfies S["Health"],
    }),
  ],
  [
    "POST",
    /^\/api\/system\/alarms\/([^/]+)\/clear$/,
    ({ body }, id) => {
      required(body, "reason");
      const index = alarms.findIndex((alarm) => alarm.id === id);
      if (index < 0) missing();
      alarms.splice(index, 1);
      return { status: 204 };
    },
  ],
  ["GET", /^\/api\/settings$/, () => ({ body: settings() })],
  [
    "PATCH",
    /^\/api\/settings$/,
    ({ body }) => {
      installationName = required(body, "name");
      return { body: settings() };
    },
  ],
];

function settings(): S["Settings"] {
  return {
    installation_id: installation.id,
    name: installationName,
    public_url: "https://central.northgate.example",
    keys: publicKeys,
    session_lifetime_s: 86400,
    session_idle_s: 900,
    check_in_s: 60,
    retention_days: 2192,
    stage: "production",
  };
}

/** A code is claimed: what an enrolling agent would cause. */
export function claim(siteId: string): void {
  const site = siteOf(siteId);
  site.profile = "good";
  site.assets = [{ id: random.id("asset"), name: "clinic-box", platform: "Debian 12", role: "appliance" }];
  site.appliance = makeAppliance(site);
  forget(site);
  const code = codes.find((c) => c.site_id === siteId && c.state === "open");
  if (code) {
    code.state = "claimed";
    code.appliance_id = site.appliance.id;
    code.claimed_at = iso(now());
  }
}
