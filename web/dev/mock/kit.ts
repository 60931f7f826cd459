/** What the routes of the mock are made of. */

import type { Account, MockSession } from "./accounts.ts";
import type { S } from "./wire.ts";

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  session: MockSession;
  account: Account;
}

export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly fields: S["FieldProblem"][];
  constructor(status: number, code: string, detail = "", fields: S["FieldProblem"][] = []) {
    super(code);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.fields = fields;
  }
}

interface Result {
  status?: number;
  body?: unknown;
  changed?: { topic: string; site_id?: string; id?: string };
}

export type Route = [method: string, pattern: RegExp, (call: Call, ...groups: string[]) => Result];

export function missing(): never {
  throw new Refusal(404, "not_found", "There is nothing here, or it is not yours.");
}

export function page<T>(items: readonly T[], query: URLSearchParams): { items: T[]; next_cursor: string | null } {
  const limit = Math.min(200, Number(query.get("limit") ?? 50));
  const from = Number(query.get("cursor") ?? 0);
  return {
    items: items.slice(from, from + limit),
    next_cursor: from + limit < items.length ? String(from + limit) : null,
  };
}

export function required(body: Record<string, unknown>, field: string): string {
  const value = body[field];
  if (typeof value !== "string" || value.trim() === "") {
    throw new Refusal(422, "invalid", "A field is missing.", [{ field, code: "required", detail: "This is missing" }]);
  }
  return value.trim();
}
