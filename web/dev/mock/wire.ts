/** The wire types, by the short names that the mock uses. */

import type * as types from "../../src/api/types.ts";

type Verdict = "pass" | "fail" | "unknown" | "error" | "not_applicable";

export interface S {
  Appliance: types.Appliance;
  Asset: types.Asset;
  Attention: types.Attention;
  AuditRow: types.AuditRow;
  Code: types.Code;
  ControlState: "pass" | "fail" | "not_assessed" | "stale" | "not_applicable" | "not_covered";
  EvidenceEntry: types.EvidenceEntry;
  EvidenceKind: types.EvidenceKind;
  EvidenceRow: types.EvidenceRow;
  FieldProblem: { field: string; code: string; detail: string };
  Health: types.Health;
  IncidentDetail: types.IncidentDetail;
  IncidentRow: types.IncidentRow;
  IncidentState: types.IncidentState;
  Mode: types.Mode;
  Overview: types.Overview;
  Posture: types.Posture;
  PostureCheck: types.PostureCheck;
  Settings: types.Settings;
  SiteDetail: types.SiteDetail;
  SiteSummary: types.SiteSummary;
  Verdict: Verdict;
}
