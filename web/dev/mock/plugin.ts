/**
 * Serves the mock API inside `vite` and `vite preview`. Never part of a build. The preview also
 * carries the product's content security policy, so that a library that breaks it is seen here.
 */

import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { accessRoutes } from "./access-routes.ts";
import { accountOf, type MockSession, sessionBody } from "./accounts.ts";
import { accountRoutes, checkCode, offered, requestOptions } from "./account-routes.ts";
import { claim, routes } from "./api.ts";
import { minute, now } from "./clock.ts";
import { installation } from "./evidence.ts";
import { Refusal, type Route } from "./kit.ts";
import { peopleRoutes } from "./people-routes.ts";

const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const sessions = new Map<string, MockSession>();
const allRoutes: Route[] = [...routes, ...accountRoutes, ...peopleRoutes, ...accessRoutes];

/** What a session that a password began may call. */
const beforeSecondFactor =
  /^(GET \/api\/auth\/session|POST \/api\/auth\/(logout|second-factor\/.*|factors\/.*|factors\/totp))$/;
/** What wants a proof of the last five minutes. */
const fresh =
  /^(DELETE \/api\/auth\/factors\/.*|POST \/api\/auth\/(factors\/recovery-codes|email)|DELETE \/api\/users\/.*|POST \/api\/users\/.*\/reset-factors|POST \/api\/tokens|POST \/api\/organisations\/.*\/break-glass|POST \/api\/system\/key-rotations\/.*|GET \/api\/audit\/export|GET .*\/evidence\/export)$/;

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
  const open = openRoute(method, path, body);
  if (open) return begin(response, open.status, open.email, open.assurance);
  if (path === "/api/auth/providers") return json(response, 200, { items: offered });
  if (path === "/api/auth/passkey/options") return json(response, 200, requestOptions());
  if (/^\/api\/auth\/providers\/[^/]+\/start$/.test(path))
    return json(response, 200, { authorization_url: "/login?problem=awaiting_approval" });
  if (path === "/api/auth/password-reset" || path === "/api/portal/link") return void response.writeHead(202).end();
  if (path === "/api/auth/password-reset/confirm" || path === "/api/auth/email/confirm") {
    if (body.token === "old") throw new Refusal(410, "link_invalid");
    return void response.writeHead(204).end();
  }
  if (path === "/api/auth/invitation/look") {
    if (body.token === "old") throw new Refusal(410, "link_invalid");
    return json(response, 200, {
      email: "new.owner@sunrise.example",
      role: "practice_owner",
      place_name: "Sunrise Dermatology",
      inviter_name: "Maren Rausch",
    });
  }

  const token = /__Host-session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  const session = token ? sessions.get(token) : undefined;
  if (!session) return problem(response, 401, "no_session", "");
  if (method !== "GET" && request.headers["x-csrf-token"] !== session.csrf)
    return problem(response, 403, "csrf", "The request does not come from this page.");
  const { account } = session;
  const call = `${method} ${path}`;
  if (session.assurance === "password" && !beforeSecondFactor.test(call)) {
    const enrolled = account.totp || account.passkeys.length > 0;
    throw new Refusal(403, enrolled ? "second_factor_required" : "second_factor_enrolment_required");
  }
  if (path === "/api/auth/session") return json(response, 200, sessionBody(session));
  if (path.startsWith("/api/auth/second-factor/")) {
    if (path.endsWith("/options")) return json(response, 200, requestOptions());
    if (path.endsWith("/totp")) checkCode(body.code);
    if (path.endsWith("/recovery-code")) {
      if (body.code === "wrong") throw new Refusal(403, "code_refused");
      account.recovery -= 1;
    }
    session.steppedUpUntil = session.assurance === "full" ? Date.now() + 5 * minute : 0;
    session.assurance = "full";
    // Under another token, as the server does it: the one before is worth nothing any more.
    sessions.delete(token as string);
    hand(response, session);
    return json(response, 200, sessionBody(session));
  }
  if (fresh.test(call) && session.steppedUpUntil < Date.now()) throw new Refusal(403, "step_up_required");
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
  if (path === "/api/audit/export") {
    response.setHeader("Content-Disposition", 'attachment; filename="audit.csv"');
    return void response.writeHead(200, { "Content-Type": "text/csv" }).end("at,actor,action\n");
  }
  const exported = /^\/api\/sites\/[^/]+\/evidence\/export$/.test(path);
  if (exported) {
    response.setHeader("Content-Disposition", 'attachment; filename="evidence.tar"');
    return void response.writeHead(200, { "Content-Type": "application/x-tar" }).end("mock");
  }

  for (const [verb, pattern, handler] of allRoutes) {
    const match = verb === method ? pattern.exec(path) : null;
    if (!match) continue;
    const result = handler({ method, path, query: url.searchParams, body, session, account }, ...match.slice(1));
    await new Promise((resolve) => setTimeout(resolve, slowness()));
    if (result.changed) tell(result.changed);
    if (result.status === 204) return void response.writeHead(204).end();
    return json(response, result.status ?? 200, result.body);
  }
  problem(response, 404, "not_found", "There is nothing here, or it is not yours.");
}

/**
 * Milliseconds before an answer. With PROOFLINE_MOCK_JITTER, up to so many more, by chance: answers then come in any
 * order, as they do over a real network.
 */
function slowness(): number {
  const { PROOFLINE_MOCK_DELAY = 60, PROOFLINE_MOCK_JITTER = 0 } = process.env;
  return Number(PROOFLINE_MOCK_DELAY) + Math.random() * Number(PROOFLINE_MOCK_JITTER);
}

/** The routes that begin a session without one. */
function openRoute(method: string, path: string, body: Record<string, unknown>) {
  if (method !== "POST") return undefined;
  switch (path) {
    case "/api/auth/login":
      if (body.password === "wrong") throw new Refusal(401, "login_failed");
      return { status: 200, email: String(body.email), assurance: "password" as const };
    case "/api/auth/bootstrap":
      if (!bootstrapOpen) throw new Refusal(409, "bootstrap_closed");
      if (body.token === "bad") throw new Refusal(403, "bootstrap_token_invalid");
      bootstrapOpen = false;
      return { status: 201, email: `new.${String(body.email)}`, assurance: "password" as const };
    case "/api/auth/invitation/accept":
      return { status: 201, email: "new.owner@sunrise.example", assurance: "password" as const };
    case "/api/portal/session":
      if (body.token === "old") throw new Refusal(403, "link_invalid");
      return { status: 200, email: "maren@northgate.example", assurance: "password" as const };
    case "/api/auth/passkey":
      return { status: 200, email: "maren@northgate.example", assurance: "full" as const };
    default:
      return undefined;
  }
}

function begin(response: ServerResponse, status: number, email: string, assurance: MockSession["assurance"]): void {
  const session = {
    id: `ses_${randomBytes(6).toString("base64url")}`,
    account: accountOf(email),
    csrf: "",
    assurance,
    steppedUpUntil: 0,
    created: now(),
  };
  hand(response, session);
  json(response, status, sessionBody(session));
}

/** Gives the browser a token of the session that it did not have before. */
function hand(response: ServerResponse, session: MockSession): void {
  const token = randomBytes(24).toString("base64url");
  session.csrf = randomBytes(24).toString("base64url");
  sessions.set(token, session);
  response.setHeader("Set-Cookie", [
    `__Host-session=${token}; Path=/; Secure; HttpOnly; SameSite=Strict`,
    `__Host-csrf=${session.csrf}; Path=/; Secure; SameSite=Strict`,
  ]);
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
