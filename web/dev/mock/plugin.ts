/**
 * Serves the mock API inside `vite` and `vite preview`. Never part of a build. The preview also
 * carries the product's content security policy, so that a library that breaks it is seen here.
 */

import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { claim, Refusal, routes } from "./api.ts";
import { hour, iso, minute, now } from "./clock.ts";
import { installation } from "./evidence.ts";

const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const permissions = [
  "session.read",
  "session.end",
  "overview.read",
  "partner.read",
  "organisation.read",
  "site.read",
  "code.read",
  "appliance.read",
  "incident.read",
  "evidence.read",
  "evidence.export",
  "order.read",
  "audit.read",
  "system.read",
  "settings.read",
  "catalog.read",
  "events.subscribe",
];
const writes = [
  "partner.create",
  "organisation.create",
  "site.create",
  "code.create",
  "code.revoke",
  "appliance.run_checks",
  "incident.approve",
  "incident.escalate",
];
const admin = ["appliance.revoke", "appliance.set_mode", "settings.update"];

const sessions = new Map<string, { email: string; csrf: string }>();
const streams = new Set<ServerResponse>();
let eventId = 100;
let bootstrapOpen = process.env.PROOFLINE_MOCK_BOOTSTRAP === "1";

export function mockServer(): Plugin {
  return {
    name: "proofline:mock-server",
    configureServer(server) {
      server.middlewares.use(handle);
    },
    configurePreviewServer(server) {
      server.middlewares.use((_request, response, next) => {
        response.setHeader("Content-Security-Policy", csp);
        next();
      });
      server.middlewares.use(handle);
    },
  };
}

function handle(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (!url.pathname.startsWith("/api/")) return next();
  answer(request, response, url).catch((error: unknown) => {
    if (error instanceof Refusal) return problem(response, error.status, error.code, error.detail, error.fields);
    console.error(error);
    problem(response, 500, "internal", "");
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const method = request.method ?? "GET";
  const path = url.pathname;
  response.setHeader("X-Request-Id", `req_${randomBytes(8).toString("hex")}`);
  const body = method === "GET" ? {} : await bodyOf(request);

  if (path === "/api/auth/status")
    return json(response, 200, {
      bootstrap_open: bootstrapOpen,
      installation_name: installation.name,
      version: "0.1.0",
    });
  if (path === "/api/auth/login") {
    if (body.password === "wrong") return problem(response, 401, "login_failed", "");
    return begin(response, 200, String(body.email));
  }
  if (path === "/api/auth/bootstrap") {
    if (!bootstrapOpen) return problem(response, 409, "bootstrap_closed", "");
    if (body.token === "bad") return problem(response, 403, "bootstrap_token_invalid", "");
    bootstrapOpen = false;
    return begin(response, 201, String(body.email));
  }

  const token = /__Host-session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  const session = token ? sessions.get(token) : undefined;
  if (!session) return problem(response, 401, "no_session", "");
  if (method !== "GET" && request.headers["x-csrf-token"] !== session.csrf)
    return problem(response, 403, "csrf", "The request does not come from this page.");
  if (path === "/api/auth/session") return json(response, 200, sessionBody(session.email));
  if (path === "/api/auth/logout") {
    sessions.delete(token as string);
    response.setHeader("Set-Cookie", [
      "__Host-session=; Path=/; Secure; HttpOnly; Max-Age=0",
      "__Host-csrf=; Path=/; Secure; Max-Age=0",
    ]);
    return void response.writeHead(204).end();
  }
  if (path === "/api/events") return stream(response);
  if (path === "/api/mock/claim") {
    claim(String(body.site_id));
    tell({ topic: "appliance", site_id: String(body.site_id) });
    return json(response, 200, {});
  }
  const exported = /^\/api\/sites\/[^/]+\/evidence\/export$/.test(path);
  if (exported) {
    response.setHeader("Content-Disposition", 'attachment; filename="evidence.tar"');
    return void response.writeHead(200, { "Content-Type": "application/x-tar" }).end("mock");
  }

  for (const [verb, pattern, handler] of routes) {
    const match = verb === method ? pattern.exec(path) : null;
    if (!match) continue;
    const result = handler({ method, path, query: url.searchParams, body }, ...match.slice(1));
    await new Promise((resolve) => setTimeout(resolve, Number(process.env.PROOFLINE_MOCK_DELAY ?? 60)));
    if (result.changed) tell(result.changed);
    if (result.status === 204) return void response.writeHead(204).end();
    return json(response, result.status ?? 200, result.body);
  }
  problem(response, 404, "not_found", "There is nothing here, or it is not yours.");
}

function begin(response: ServerResponse, status: number, email: string): void {
  const token = randomBytes(24).toString("base64url");
  const csrf = randomBytes(24).toString("base64url");
  sessions.set(token, { email, csrf });
  response.setHeader("Set-Cookie", [
    `__Host-session=${token}; Path=/; Secure; HttpOnly; SameSite=Strict`,
    `__Host-csrf=${csrf}; Path=/; Secure; SameSite=Strict`,
  ]);
  json(response, status, sessionBody(email));
}

function sessionBody(email: string) {
  const readonly = email.startsWith("readonly");
  const operator = email.startsWith("operator");
  return {
    user: {
      id: "user_01k9m2v4c8q7r5t3w1x6y0z2aa",
      name: readonly ? "Jo Whitfield" : "Maren Rausch",
      email,
      role: readonly ? "staff_readonly" : operator ? "staff_operator" : "staff_admin",
      partner_id: null,
      org_id: null,
    },
    expires_at: iso(now() + 24 * hour),
    idle_expires_at: iso(now() + 15 * minute),
    installation,
    permissions: [...permissions, ...(readonly ? [] : writes), ...(readonly || operator ? [] : admin)],
  };
}

function stream(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": hello\n\n");
  streams.add(response);
  const beat = setInterval(() => response.write(": beat\n\n"), 15_000);
  response.on("close", () => {
    clearInterval(beat);
    streams.delete(response);
  });
}

function tell(change: object): void {
  eventId += 1;
  for (const response of streams) response.write(`id: ${eventId}\nevent: change\ndata: ${JSON.stringify(change)}\n\n`);
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" })
    .end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, code: string, detail: string, errors: object[] = []): void {
  const requestId = response.getHeader("X-Request-Id");
  response
    .writeHead(status, { "Content-Type": "application/problem+json" })
    .end(JSON.stringify({ type: "about:blank", title: code, status, code, detail, request_id: requestId, errors }));
}
