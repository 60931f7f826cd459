/** A seeded fleet: partners, organisations, sites, machines and what was measured on them. */

import { type Check, checks, type Control, controls } from "./catalog.ts";
import { day, hour, iso, minute, now, second } from "./clock.ts";
import { keyFrom } from "./log.ts";
import { Random } from "./random.ts";
import type { S } from "./wire.ts";

export type Profile = "good" | "mixed" | "bad" | "offline" | "stale" | "pending" | "empty";

export type Measured = S["PostureCheck"] & { control: string; check: Check | null };

export interface Site {
  id: string;
  name: string;
  org: { id: string; name: string };
  partner: { id: string; name: string };
  timezone: string;
  created: number;
  profile: Profile;
  seed: number;
  assets: { id: string; name: string; platform: string; role: string }[];
  appliance: S["Appliance"] | null;
}

const partnersSeed = ["Northgate IT", "Keystone Managed Care", "Allegheny Systems"];
const towns = [
  "Scranton",
  "Wilkes-Barre",
  "Dunmore",
  "Clarks Summit",
  "Pittston",
  "Carbondale",
  "Honesdale",
  "Tunkhannock",
  "Hazleton",
  "Berwick",
  "Bloomsburg",
  "Milford",
];
const practices = [
  "Sunrise Dermatology",
  "Pine Grove Internal Medicine",
  "Cedar Ridge Family Practice",
  "Lakeview Dental",
  "Riverside Pediatrics",
  "Hillcrest Orthopedics",
  "Maple Street Eye Care",
  "Summit Cardiology",
  "Green Valley Women's Health",
  "Lackawanna Allergy",
  "Blue Ridge Physical Therapy",
  "Harbor Ear, Nose and Throat",
  "Willow Creek Psychiatry",
  "Stonebridge Urology",
  "Oakfield Gastroenterology",
  "Mill Pond Dental Arts",
  "Fairview Neurology",
  "Elm Park Family Medicine",
  "Crossroads Urgent Care",
  "Whitehall Endocrinology",
  "Brookside Rheumatology",
  "Northside Pulmonary",
  "Ashland Foot and Ankle",
  "Meadow Lane Pediatrics",
];
const roles = ["file server", "practice management", "imaging gateway", "backup target"];
const hosts = ["files01", "pms01", "pacs-gw", "backup01"];

const random = new Random(20261122);

export const partners = partnersSeed.map((name, i) => ({
  id: random.id("partner"),
  name,
  created_at: iso(Date.UTC(2025, 1 + i, 3, 9)),
}));

/** Clients that people above them see by name alone, unless they are let in. */
const restrictedPractices = [practices[0], "Lakeview Dental"];

export const organisations = practices.map((name, i) => {
  const partner = partners[i % partners.length] as (typeof partners)[number];
  return {
    id: random.id("org"),
    name,
    partner_id: partner.id,
    partner_name: partner.name,
    created_at: iso(Date.UTC(2025, 3, 1 + i, 10)),
    restricted: restrictedPractices.includes(name),
  };
});

const profiles: Profile[] = [
  "bad",
  "mixed",
  "offline",
  "good",
  "good",
  "mixed",
  "good",
  "stale",
  "good",
  "good",
  "pending",
  "mixed",
  "good",
  "good",
  "empty",
];

export const sites: Site[] = [];
for (let i = 0; i < Number(process.env.PROOFLINE_MOCK_SITES ?? 84); i++) {
  const org = organisations[i % organisations.length] as (typeof organisations)[number];
  const round = Math.floor(i / organisations.length);
  addSite(org, round === 0 ? org.name : `${org.name}, ${towns[i % towns.length]}${round > 12 ? ` ${round}` : ""}`, {
    profile: profiles[i % profiles.length] ?? "good",
    created: now() - random.int(40, 500) * day,
  });
}

export function addSite(
  org: (typeof organisations)[number],
  name: string,
  set: { profile: Profile; created: number; timezone?: string },
): Site {
  const partner = partners.find((p) => p.id === org.partner_id) as (typeof partners)[number];
  const id = random.id("site");
  const count =
    set.profile === "empty" || set.profile === "pending" ? (set.profile === "pending" ? 1 : 0) : random.int(1, 4);
  const site: Site = {
    id,
    name,
    org: { id: org.id, name: org.name },
    partner: { id: partner.id, name: partner.name },
    timezone: set.timezone ?? "America/New_York",
    created: set.created,
    profile: set.profile,
    seed: random.int(1, 2 ** 31),
    assets: Array.from({ length: count }, (_, k) => ({
      id: random.id("asset"),
      name: hosts[k] ?? `host${k}`,
      platform: k % 2 ? "Ubuntu 24.04" : "Debian 12",
      role: roles[k] ?? "server",
    })),
    appliance: null,
  };
  if (set.profile !== "empty") site.appliance = makeAppliance(site);
  sites.push(site);
  return site;
}

export function makeAppliance(site: Site): S["Appliance"] {
  const rng = new Random(site.seed + 1);
  const quiet = {
    good: rng.int(4, 55) * second,
    mixed: rng.int(4, 55) * second,
    bad: 20 * second,
    stale: 14 * minute,
    offline: 3 * hour + 12 * minute,
    pending: 0,
    empty: 0,
  }[site.profile];
  const pending = site.profile === "pending";
  const born = now();
  const seen = () => now() - quiet - ((now() - born) % (50 * second));
  return {
    id: rng.id("app"),
    site_id: site.id,
    site_name: site.name,
    org_name: site.org.name,
    platform: "Debian 12",
    revoked_reason: null,
    hostname: `${site.name
      .toLowerCase()
      .replace(/[^a-z]+/g, "-")
      .slice(0, 18)
      .replace(/-$/, "")}-box`,
    status: pending
      ? "pending"
      : site.profile === "offline"
        ? "offline"
        : site.profile === "stale"
          ? "stale"
          : "online",
    get last_seen_at() {
      return pending ? null : iso(seen());
    },
    agent_version: rng.chance(0.85) ? "0.1.0" : "0.0.9",
    mode: rng.pick(["audit", "ask", "enforce", "enforce"] as const),
    local_override: rng.chance(0.08) ? "audit" : null,
    outbox_depth: site.profile === "offline" ? 148 : rng.chance(0.1) ? rng.int(1, 9) : 0,
    key_id: keyFrom(site.id, "appliance").id,
    enrolled_at: iso(site.created + 2 * hour),
    revoked_at: null,
    last_cycle: pending
      ? null
      : {
          started_at: iso(seen() - 90 * second),
          duration_ms: rng.int(640, 1480),
          // A cycle in which no check was due.
          checks: site.profile === "stale" ? 0 : 42,
          errors: site.profile === "mixed" ? 2 : 0,
        },
    catalogue_current: rng.chance(0.9),
  };
}

/** How long the site's appliance has been silent. */
export function silence(site: Site): number {
  const seen = site.appliance?.last_seen_at;
  return seen ? now() - Date.parse(seen) : Number.POSITIVE_INFINITY;
}

/** Every check on every asset of the site, as of a time. */
export function measure(site: Site, asOf: number): Measured[] {
  const rng = new Random(site.seed + 7);
  const measured: Measured[] = [];
  if (site.profile === "pending" || site.profile === "empty") return measured;
  const confirmed = Math.min(asOf, now() - silence(site)) - 40 * second;
  for (const asset of site.assets) {
    for (const check of checks) {
      const roll = rng.next();
      const sinceDays = rng.int(2, 160);
      const failing = { good: 0.004, mixed: 0.025, bad: 0.07, offline: 0.02, stale: 0.01, pending: 0, empty: 0 }[
        site.profile
      ];
      const unmeasured = { good: 0.002, mixed: 0.03, bad: 0.01, offline: 0.01, stale: 0.01, pending: 0, empty: 0 }[
        site.profile
      ];
      const measurable = asset === site.assets[0] || roll > 0.5;
      let verdict: S["Verdict"] = "pass";
      let reason = "";
      if (!measurable && check.id.includes("dconf")) verdict = "not_applicable";
      else if (roll < failing) verdict = "fail";
      else if (roll < failing + unmeasured / 2) {
        verdict = "error";
        reason = `permission denied while reading ${check.location}`;
      } else if (roll < failing + unmeasured) {
        verdict = "unknown";
        reason = `${check.location.split(" ")[0]} is not installed`;
      } else if (["linux.session.lock", "linux.boot.secure"].includes(check.id) && roll > 0.55) {
        verdict = "not_applicable";
        reason =
          check.id === "linux.session.lock"
            ? "no graphical session on this machine"
            : "the firmware has no secure boot";
      }
      const since = Math.max(
        site.created + 3 * hour,
        asOf - (verdict === "fail" ? rng.int(1, 90) * hour : sinceDays * day),
      );
      if (since > asOf) continue;
      measured.push({
        asset_id: asset.id,
        asset_name: asset.name,
        check_id: check.id,
        title: check.title,
        severity: check.severity,
        verdict,
        freshness: asOf - confirmed > 2 * hour ? "stale" : "fresh",
        since: iso(since),
        last_confirmed_at: iso(confirmed),
        entry_index: null,
        reason,
        observed: verdict === "pass" ? check.good : verdict === "fail" ? check.bad : "",
        expected: check.expected,
        strength: check.strength,
        control: check.control,
        check,
      });
    }
  }
  return measured;
}

type State = S["ControlState"];

/** The state of a control: the worst of its applicable checks. */
export function controlState(control: Control, list: Measured[]): State {
  if (control.coverage_kind === "not_covered") return "not_covered";
  if (control.coverage_kind === "attestation") return "not_assessed";
  const of = list.filter((m) => m.control === control.id);
  if (of.length === 0) return "not_assessed";
  const live = of.filter((m) => m.verdict !== "not_applicable");
  if (live.length === 0) return "not_applicable";
  if (live.some((m) => m.freshness === "stale")) return "stale";
  if (live.some((m) => m.verdict === "fail")) return "fail";
  if (live.some((m) => m.verdict === "unknown" || m.verdict === "error")) return "not_assessed";
  return "pass";
}

const weight = { critical: 8, high: 4, medium: 2, low: 1 };

export function resolve(site: Site, asOf = now()) {
  const measured = measure(site, asOf);
  const states = controls.map((control) => controlState(control, measured));
  let passed = 0;
  let total = 0;
  let assessed = 0;
  let applicable = 0;
  const count = { pass: 0, fail: 0, not_assessed: 0, stale: 0, not_applicable: 0 };
  controls.forEach((control, i) => {
    const state = states[i] as State;
    if (state !== "not_covered") count[state] += 1;
    if (state === "not_applicable" || state === "not_covered") return;
    applicable += 1;
    total += weight[control.severity];
    if (state === "pass") passed += weight[control.severity];
    if (state === "pass" || state === "fail") assessed += 1;
  });
  const score = assessed === 0 ? null : Math.round((passed / total) * 1000) / 10;
  return {
    measured,
    states,
    count,
    score,
    coverage: applicable === 0 ? null : assessed / applicable,
    weights: { passed, total, assessed, applicable },
  };
}

const cache = new Map<
  string,
  { at: number; summary: S["SiteSummary"]; weights: ReturnType<typeof resolve>["weights"] }
>();

export function summarise(site: Site) {
  const kept = cache.get(site.id);
  if (kept && now() - kept.at < 5 * second) return kept;
  const { states, count, score, coverage, weights } = resolve(site);
  const fresh = {
    at: now(),
    weights,
    summary: {
      id: site.id,
      name: site.name,
      org_id: site.org.id,
      org_name: site.org.name,
      partner_name: site.partner.name,
      asset_count: site.assets.length,
      score,
      coverage,
      controls: count,
      strip: states,
      open_incidents: measure(site, now()).filter((m) => m.verdict === "fail").length,
      appliance_status: site.appliance?.status ?? "none",
      last_evidence_at: Number.isFinite(silence(site)) ? iso(now() - silence(site) - 20 * second) : null,
    },
  };
  cache.set(site.id, fresh);
  return fresh;
}

export function forget(site: Site): void {
  cache.delete(site.id);
}
