/** Wire types, in the shape that openapi-typescript gives. */

type S = components["schemas"];
type List<T> = { items: T[]; next_cursor: string | null };
type Page = { limit?: number; cursor?: string };
type Json<T> = { content: { "application/json": T } };
type Get<R, Q = never, P = never> = {
  get: { parameters: { query?: Q; path: P }; responses: { 200: Json<R> } };
};
type Write<M extends string, B, Code extends number, R, P = never> = {
  [K in M]: {
    parameters: { query?: never; path: P };
    requestBody: Json<B>;
    responses: { [C in Code]: R extends undefined ? { content?: never } : Json<R> };
  };
};
type Site = { site_id: string };
type Id = { id: string };

export interface paths {
  "/api/auth/session": Get<S["Session"]>;
  "/api/auth/status": Get<S["AuthStatus"]>;
  "/api/auth/bootstrap": Write<"post", S["BootstrapRequest"], 201, S["Session"]>;
  "/api/auth/login": Write<"post", S["LoginRequest"], 200, S["Session"]>;
  "/api/auth/logout": Write<"post", undefined, 204, undefined>;
  "/api/overview": Get<S["Overview"]>;
  "/api/partners": Get<List<S["Partner"]>, Page> & Write<"post", { name: string }, 201, S["Partner"]>;
  "/api/organisations": Get<List<S["Organisation"]>, Page & { partner_id?: string }> &
    Write<"post", { partner_id: string; name: string }, 201, S["Organisation"]>;
  "/api/sites": Get<List<S["SiteSummary"]>, Page & { sort?: "risk" | "name"; q?: string }> &
    Write<"post", { org_id: string; name: string; timezone: string }, 201, S["SiteCreated"]>;
  "/api/sites/{site_id}": Get<S["SiteDetail"], never, Site>;
  "/api/sites/{site_id}/posture": Get<S["Posture"], { as_of?: string; asset_id?: string }, Site>;
  "/api/sites/{site_id}/assets": Get<List<S["Asset"]>, Page, Site>;
  "/api/sites/{site_id}/evidence": Get<
    List<S["EvidenceRow"]>,
    Page & { kind?: S["EvidenceKind"]; check_id?: string; before_index?: number },
    Site
  >;
  "/api/sites/{site_id}/evidence/{index}": Get<S["EvidenceEntry"], never, Site & { index: number }>;
  "/api/sites/{site_id}/codes": Get<List<S["Code"]>, Page, Site> &
    Write<"post", { label: string }, 201, S["CodeIssued"], Site>;
  "/api/codes/{id}": Write<"delete", undefined, 204, undefined, Id>;
  "/api/incidents": Get<
    List<S["IncidentRow"]>,
    Page & {
      state?: "open" | "all" | S["IncidentState"];
      site_id?: string;
      severity?: S["Severity"];
      sort?: "newest" | "severity";
    }
  >;
  "/api/incidents/{id}": Get<S["IncidentDetail"], never, Id>;
  "/api/incidents/{id}/approve": Write<"post", { plan_digest?: string }, 202, S["Order"], Id>;
  "/api/incidents/{id}/escalate": Write<"post", { reason: string }, 200, S["IncidentRow"], Id>;
  "/api/appliances": Get<List<S["Appliance"]>, Page & { site_id?: string; status?: S["ApplianceStatus"] }>;
  "/api/appliances/{id}/revoke": Write<"post", { reason: string }, 200, S["Appliance"], Id>;
  "/api/appliances/{id}/mode": Write<"post", { mode: S["Mode"] }, 200, S["Appliance"], Id>;
  "/api/appliances/{id}/run-checks": Write<"post", undefined, 202, { order_id: string }, Id>;
  "/api/orders": Get<List<S["Order"]>, Page & { site_id?: string }>;
  "/api/audit": Get<List<S["AuditRow"]>, Page & { actor?: string; action?: string; from?: string; to?: string }>;
  "/api/system/health": Get<S["Health"]>;
  "/api/settings": Get<S["Settings"]> & Write<"patch", { name: string }, 200, S["Settings"]>;
}

export interface components {
  schemas: {
    Problem: {
      type: string;
      title: string;
      status: number;
      code: string;
      detail: string;
      request_id: string;
      errors: components["schemas"]["FieldProblem"][];
    };
    FieldProblem: { field: string; code: string; detail: string };

    Role: "staff_admin" | "staff_operator" | "staff_readonly";
    Severity: "low" | "medium" | "high" | "critical";
    Verdict: "pass" | "fail" | "unknown" | "error" | "not_applicable";
    Freshness: "fresh" | "stale";
    Mode: "audit" | "ask" | "enforce";
    ControlState: "pass" | "fail" | "not_assessed" | "stale" | "not_applicable" | "not_covered";
    ApplianceStatus: "online" | "stale" | "offline" | "pending" | "revoked";
    SiteApplianceStatus: "online" | "stale" | "offline" | "pending" | "none";
    IncidentState:
      | "open"
      | "healing"
      | "verifying"
      | "resolved"
      | "awaiting_approval"
      | "escalated"
      | "suppressed"
      | "closed";

    User: { id: string; name: string; email: string; role: components["schemas"]["Role"] };
    Session: {
      user: components["schemas"]["User"];
      expires_at: string;
      idle_expires_at: string;
      installation: { id: string; name: string };
      permissions: string[];
    };
    AuthStatus: { bootstrap_open: boolean; installation_name: string; version: string };
    LoginRequest: { email: string; password: string };
    BootstrapRequest: { token: string; name: string; email: string; password: string };

    ControlCounts: {
      pass: number;
      fail: number;
      not_assessed: number;
      stale: number;
      not_applicable: number;
    };
    SiteSummary: {
      id: string;
      name: string;
      org_id: string;
      org_name: string;
      partner_name: string;
      asset_count: number;
      score: number | null;
      coverage: number | null;
      controls: components["schemas"]["ControlCounts"];
      strip: components["schemas"]["ControlState"][];
      open_incidents: number;
      appliance_status: components["schemas"]["SiteApplianceStatus"];
      last_evidence_at: string | null;
    };
    AttentionKind: "incident" | "unmeasured" | "offline" | "escalated" | "awaiting_approval";
    Attention: {
      kind: components["schemas"]["AttentionKind"];
      severity: components["schemas"]["Severity"];
      title: string;
      detail: string;
      site_id: string;
      site_name: string;
      org_name: string;
      incident_id: string | null;
      since: string;
    };
    Overview: {
      counts: {
        organisations: number;
        sites: number;
        appliances_online: number;
        appliances_stale: number;
        appliances_offline: number;
        appliances_pending: number;
        assets: number;
        open_incidents: number;
        resolved_24h: number;
      };
      posture: {
        score: number | null;
        excepted_score: number | null;
        coverage: number | null;
      } & components["schemas"]["ControlCounts"];
      attention: components["schemas"]["Attention"][];
      sites: components["schemas"]["SiteSummary"][];
      healing_24h: {
        l1_resolved: number;
        l1_not_effective: number;
        escalated: number;
        awaiting_approval: number;
      };
    };

    Partner: { id: string; name: string; created_at: string };
    Organisation: { id: string; name: string; partner_id: string; partner_name: string; created_at: string };
    SiteDetail: components["schemas"]["SiteSummary"] & {
      timezone: string;
      org: { id: string; name: string };
      partner: { id: string; name: string };
      appliances: components["schemas"]["Appliance"][];
      created_at: string;
      log: { size: number; root: string; published_size: number; published_at: string | null };
    };
    SiteCreated: { id: string; name: string; org_id: string; timezone: string };

    PostureCheck: {
      asset_id: string;
      asset_name: string;
      check_id: string;
      title: string;
      severity: components["schemas"]["Severity"];
      verdict: components["schemas"]["Verdict"];
      freshness: components["schemas"]["Freshness"];
      since: string;
      last_confirmed_at: string;
      entry_index: number | null;
      reason: string;
      observed: string;
      expected: string;
      strength: "full" | "partial" | "supporting";
    };
    PostureControl: {
      id: string;
      title: string;
      plain_title: string;
      kind: "standard" | "required" | "addressable";
      coverage_kind: "automated" | "hybrid" | "attestation" | "not_covered";
      coverage_reason: string;
      severity: components["schemas"]["Severity"];
      state: components["schemas"]["ControlState"];
      checks: components["schemas"]["PostureCheck"][];
    };
    Posture: {
      as_of: string;
      score: number | null;
      excepted_score: number | null;
      coverage: number | null;
      profile: string;
      controls: components["schemas"]["PostureControl"][];
    };
    Asset: {
      id: string;
      name: string;
      kind: string;
      platform: string;
      role: string;
      checks: { pass: number; fail: number; unknown: number; error: number; not_applicable: number; stale: number };
      last_confirmed_at: string | null;
    };

    EvidenceKind:
      | "check_run"
      | "heal"
      | "heartbeat"
      | "gap"
      | "attestation"
      | "incident"
      | "key"
      | "server_fact";
    EvidenceRow: {
      index: number;
      seq: number;
      kind: components["schemas"]["EvidenceKind"];
      appliance_id: string | null;
      asset_id: string | null;
      started_at: string;
      ended_at: string;
      received_at: string;
      summary: string;
      size_bytes: number;
    };
    EvidenceEntry: {
      index: number;
      kind: components["schemas"]["EvidenceKind"];
      envelope_base64: string;
      received_at: string;
      key: {
        key_id: string;
        public_key_base64: string;
        role: string;
        holder: string | null;
        enrolled_index: number | null;
        revoked_index: number | null;
      };
      checkpoint: { note: string; size: number; root_hex: string; published_at: string | null };
      inclusion_proof: string[];
      checkpoint_key: { name: string; key_id_hex: string; public_key_base64: string };
    };

    IncidentRow: {
      id: string;
      site_id: string;
      site_name: string;
      org_name: string;
      asset_id: string;
      asset_name: string;
      check_id: string;
      title: string;
      severity: components["schemas"]["Severity"];
      state: components["schemas"]["IncidentState"];
      opened_at: string;
      updated_at: string;
      resolved_at: string | null;
      recurrences: number;
      why: string;
    };
    ObservedResult: {
      verdict: components["schemas"]["Verdict"];
      expected: string;
      observed: string;
      reason: string;
      location: string;
    };
    IncidentDetail: components["schemas"]["IncidentRow"] & {
      check: { title: string; why_it_matters: string; consequence: string; controls: string[] };
      transitions: {
        at: string;
        from: components["schemas"]["IncidentState"] | null;
        to: components["schemas"]["IncidentState"];
        actor: string;
        cause: string;
        entry_index: number | null;
      }[];
      heals: {
        at: string;
        runbook: string;
        rule: string | null;
        actor: string;
        before: components["schemas"]["ObservedResult"];
        after: components["schemas"]["ObservedResult"];
        outcome: "resolved" | "not_effective" | "failed" | "rolled_back";
        steps: { step: string; outcome: "ok" | "failed" | "skipped"; detail: string }[];
        entry_index: number;
      }[];
      last_observation: (components["schemas"]["ObservedResult"] & { at: string; entry_index: number | null }) | null;
      mode: components["schemas"]["Mode"];
      plan_digest: string | null;
      runbook: { id: string; title: string; steps: string[]; disruptive: boolean } | null;
    };

    Appliance: {
      id: string;
      site_id: string;
      site_name: string;
      org_name: string;
      hostname: string;
      status: components["schemas"]["ApplianceStatus"];
      last_seen_at: string | null;
      agent_version: string;
      mode: components["schemas"]["Mode"];
      local_override: string | null;
      outbox_depth: number;
      key_id: string;
      enrolled_at: string;
      revoked_at: string | null;
      last_cycle: { started: string; duration_ms: number; checks: number; errors: number } | null;
      catalogue_current: boolean;
    };
    Code: {
      id: string;
      label: string;
      status: "open" | "claimed" | "expired" | "revoked";
      created_at: string;
      expires_at: string;
      claimed_by: string | null;
    };
    CodeIssued: { id: string; code: string; expires_at: string; enroll_command: string };
    Order: {
      id: string;
      appliance_id: string;
      kind: string;
      status: string;
      created_at: string;
      expires_at: string;
    };

    AuditRow: {
      id: string;
      at: string;
      actor_kind: "person" | "appliance" | "system" | "anonymous";
      actor_id: string;
      actor_name: string;
      action: string;
      resource: string;
      outcome: "done" | "denied" | "failed";
      request_id: string;
      detail: unknown;
    };

    Health: {
      version: string;
      started_at: string;
      database: {
        kind: "embedded" | "external";
        version: string;
        size_bytes: number;
        pool: { size: number; idle: number; max: number };
      };
      jobs: {
        name: string;
        purpose: string;
        every_s: number;
        last_run_at: string | null;
        last_result: "ok" | "error" | null;
        last_error: string | null;
        next_run_at: string | null;
        duration_ms: number | null;
      }[];
      evidence_store: {
        kind: string;
        worm: boolean;
        explanation: string;
        last_published_at: string | null;
        backlog: number;
      };
      sampling: { last_run_at: string | null; checked: number; failed: number };
      alarms: { id: string; kind: string; detail: string; raised_at: string; site_id: string; site_name: string }[];
    };
    Settings: {
      installation: { id: string; name: string; public_url: string };
      keys: { role: string; key_id: string; public_key_base64: string; created_at: string }[];
      session: { absolute_s: number; idle_s: number };
      retention_days: number;
    };
  };
}
