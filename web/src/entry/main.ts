/**
 * The first code that runs: who is there? Signed in: load the app and hand over. Not signed in:
 * the sign-in form, or the form of the first start. Written without a framework, so that the form
 * works after a few kilobytes; everything else is loaded behind it.
 */

import "../styles.css";
import { codeWords } from "../api/code-words";
import { ApiError } from "../api/errors";
import { sentenceFor, wordsFor } from "../api/error-words";
import { csrfToken } from "../api/http";
import type { AuthStatus, OfferedProvider, Session } from "../api/types";
import { nextStep, safeReturn } from "../auth/next-step";
import {
  bootstrap,
  fetchProviders,
  fetchSession,
  fetchStatus,
  goToProvider,
  type LeaveReason,
  passkeyAnswer,
  passkeyOptions,
  proveByPasskey,
  signIn,
  signOut,
  startProvider,
  takeReturn,
} from "../auth/session";
import { onTabs, tellTabs } from "../auth/tabs";
import { gateIn, type GateAddress } from "./address";
import { h } from "./dom";
import { type ShownForm, showForm } from "./form";
import { showGate } from "./gate";
import { newPasswordField } from "./password-field";

const root = document.getElementById("root") as HTMLElement;
const loadApp = () => import("../app/mount");
const loadSecondFactor = () => import("./second-factor");

/** Set while React has the screen. */
let unmount: (() => void) | undefined;
/** While the page has nothing to lose by a sign-in elsewhere. */
let waiting = false;

const notices: Record<LeaveReason, string> = {
  signed_out: "You signed out.",
  expired: "Your session ended. Sign in to go on where you were.",
  other_tab: "You signed out in another tab.",
  second_factor: "Your session needs your second factor to go on.",
};

async function start(): Promise<void> {
  const address = gateIn(location);
  if (address) return startAt(address);
  // The readable cookie is only a hint that a session may exist: it saves one round trip.
  const code = csrfToken() ? loadApp() : undefined;
  code?.catch(() => undefined);
  try {
    await resume(await fetchSession());
  } catch (error) {
    if (error instanceof ApiError && error.kind === "signed_out") await showSignIn();
    else showUnreachable(error);
  }
}

async function startAt({ gate, token }: GateAddress): Promise<void> {
  const query = new URLSearchParams(location.search);
  if (token) history.replaceState(null, "", `/${gate}`);
  switch (gate) {
    case "bootstrap":
      history.replaceState(null, "", "/bootstrap");
      return showBootstrap(token);
    case "signed-in":
      return comeBack(query.get("return_to"), "sign_in_failed", null);
    case "login":
      if (query.has("provider")) return goToOwnProvider(query.get("provider") ?? "");
      return comeBack(null, query.get("problem"), query.get("problem"));
  }
  try {
    const links = await import("./links");
    switch (gate) {
      case "forgot":
        return links.showForgot(root);
      case "sign-in-link":
        return token ? links.showSignInLink(root, token, proceed) : links.showAskForLink(root);
      case "reset":
        return links.showReset(root, token, (notice) => void showSignIn({ notice }));
      case "invitation":
        return await links.showInvitation(root, token, proceed);
      case "confirm-email":
        return links.showConfirmEmail(root, token);
    }
  } catch (error) {
    showUnreachable(new ApiError("offline", { cause: error }));
  }
}

/** The way back from a provider: in, or to the sign-in page. Says what went wrong in either case. */
async function comeBack(address: string | null, signedOut: string | null, signedIn: string | null): Promise<void> {
  const words = (code: string | null) =>
    code ? sentenceFor(new ApiError("forbidden", { code: code in codeWords ? code : "sign_in_failed" })) : undefined;
  history.replaceState(null, "", safeReturn(address ?? takeReturn()));
  try {
    const session = await fetchSession();
    // Who is in all the same wanted to link an account, and could not.
    await (signedIn ? resume(session, words(signedIn)) : proceed(session));
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== "signed_out") showUnreachable(error);
    // To wait for an approval is no failure.
    else if (signedOut === "awaiting_approval") await showSignIn({ notice: words(signedOut) });
    else await showSignIn({ problem: words(signedOut) });
  }
}

/** The address that a partner or a practice gives to its people: straight to their own provider. */
async function goToOwnProvider(id: string): Promise<void> {
  showGate(root, { title: "Sign in", intro: "Going to the provider of your organisation…" });
  try {
    await goToProvider(() => startProvider(id, "/"), "/");
  } catch (error) {
    history.replaceState(null, "", "/");
    await showSignIn({ problem: sentenceFor(error) });
  }
}

/** Goes on with a session that has just begun: in, and the tabs that wait come along. */
async function proceed(session: Session, notice?: string): Promise<void> {
  if (nextStep(session) === "app") tellTabs({ type: "signed_in", userId: session.user.id });
  await resume(session, notice);
}

/** Goes on with a session: into the app, to the second factor, or to setting one up. */
async function resume(session: Session, notice?: string): Promise<void> {
  waiting = false;
  switch (nextStep(session)) {
    case "app":
      return enter(session, notice);
    case "prove": {
      const { showSecondFactor } = await loadSecondFactor();
      waiting = true;
      void loadApp().catch(() => undefined);
      return showSecondFactor(root, session, { notice, done: arrive, otherAccount });
    }
    case "enrol":
      return protect(session);
  }
}

/** With the second factor given. */
async function arrive(session: Session): Promise<void> {
  const left = session.factors.recovery_codes_left;
  await proceed(session, left > 2 ? undefined : "Few recovery codes are left. Make new ones on your account page.");
}

async function otherAccount(): Promise<void> {
  await signOut();
  await showSignIn();
}

async function enter(session: Session, notice?: string): Promise<void> {
  takeReturn();
  if (gateIn(location)) history.replaceState(null, "", "/");
  await handOver(session, async () => (await loadApp()).mount(root, session, leave, notice));
}

/** Before anything else: a person whose account a stolen password would open sets up a second factor. */
async function protect(session: Session): Promise<void> {
  await handOver(session, async () => {
    const { mount } = await import("../auth/protect");
    return mount(root, session, {
      done: (full) => {
        unmount?.();
        unmount = undefined;
        void proceed(full);
      },
      leave,
    });
  });
}

async function handOver(session: Session, draw: () => Promise<() => void>): Promise<void> {
  try {
    const next = await draw();
    root.dataset.userId = session.user.id;
    unmount = next;
  } catch (error) {
    showUnreachable(new ApiError("offline", { cause: error }));
  }
}

/** The app gives the screen back: nothing of it stays in memory. */
function leave(reason: LeaveReason): void {
  if (!unmount) return;
  unmount();
  unmount = undefined;
  if (reason === "signed_out") {
    tellTabs({ type: "signed_out" });
    history.replaceState(null, "", "/");
  }
  if (reason === "second_factor") {
    void fetchSession().then((session) => resume(session, notices.second_factor), showUnreachable);
  } else void showSignIn({ notice: notices[reason] });
}

interface Why {
  notice?: string | undefined;
  problem?: string | undefined;
}

async function showSignIn({ notice, problem }: Why = {}): Promise<void> {
  const [status, providers] = await Promise.all([
    fetchStatus().catch((): AuthStatus | undefined => undefined),
    fetchProviders().then(
      ({ items }) => items,
      (): OfferedProvider[] => [],
    ),
  ]);
  if (status?.bootstrap_open) return showBootstrap("", status);
  if (gateIn(location)) history.replaceState(null, "", "/");
  waiting = true;
  const back = location.pathname + location.search;
  const inField = new AbortController();
  const form = showForm(root, {
    title: "Sign in",
    intro: status ? status.installation_name : "Central Command",
    notice,
    problem,
    fields: [
      { name: "email", label: "E-mail", type: "email", autocomplete: "username webauthn", maxLength: 254 },
      { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
    ],
    submit: "Sign in",
    busy: "Signing in…",
    ways: [
      typeof PublicKeyCredential !== "undefined" && {
        label: "Sign in with a passkey",
        look: "button",
        async to() {
          inField.abort();
          await proceed(await proveByPasskey("/api/auth/passkey"));
        },
      },
      ...providers.map(({ id, name }) => ({
        label: `Continue with ${name}`,
        look: "button" as const,
        to: () => goToProvider(() => startProvider(id, back), back),
      })),
      { label: "Forgotten password?", to: "/forgot" },
      { label: "Sign in with a link", to: "/sign-in-link" },
    ],
    footer: status && `Proofline ${status.version}`,
    async onSubmit({ email = "", password = "" }) {
      const session = await signIn(email.trim(), password);
      inField.abort();
      await proceed(session);
    },
  });
  void offerInField(form, inField.signal).catch(() => undefined);
  // While the person types, the rest comes in quietly.
  requestIdleCallback?.(() => void Promise.all([loadSecondFactor(), loadApp()]).catch(() => undefined));
}

/** Where the browser can, it offers passkeys in the field for the e-mail address. */
async function offerInField(form: ShownForm, signal: AbortSignal): Promise<void> {
  const { askPasskey, offersInField } = await import("../auth/webauthn");
  if (!(await offersInField())) return;
  const { ceremony_id, public_key } = await passkeyOptions("/api/auth/passkey");
  if (signal.aborted) return;
  const credential = await askPasskey(public_key, { inField: true, signal });
  try {
    await proceed(await passkeyAnswer("/api/auth/passkey", ceremony_id, credential));
  } catch (error) {
    form.refuse(error);
  }
}

function showBootstrap(token: string, status?: AuthStatus): void {
  showForm(root, {
    title: "Create the first account",
    intro: status?.installation_name
      ? `${status.installation_name} has no users yet. You become its administrator.`
      : "You become the administrator of this installation.",
    fields: [
      ...(token
        ? []
        : [
            {
              name: "token",
              label: "One-time token",
              type: "text" as const,
              autocomplete: "off",
              hint: "The part after token= in the link that the server printed when it started.",
            },
          ]),
      { name: "name", label: "Your name", type: "text", autocomplete: "name", maxLength: 120 },
      { name: "email", label: "E-mail", type: "email", autocomplete: "username", maxLength: 254 },
      newPasswordField("Password"),
    ],
    submit: "Create account",
    busy: "Creating…",
    explain: (error) => {
      switch (error.code) {
        case "bootstrap_token_invalid":
          return "This link is not valid any more. Restart the server to print a new one.";
        case "bootstrap_closed":
          return "The first account exists already. Open the start page to sign in.";
        default:
          return undefined;
      }
    },
    async onSubmit({ token: typed = "", name = "", email = "", password = "" }) {
      await proceed(
        await bootstrap({ token: token || typed.trim(), name: name.trim(), email: email.trim(), password }),
      );
    },
  });
}

function showUnreachable(error: unknown): void {
  const words = wordsFor(error);
  const requestId = error instanceof ApiError ? error.requestId : undefined;
  showGate(
    root,
    { title: words.title, intro: words.advice, alarm: true },
    requestId ? h("p", { class: "form-request" }, `Request ${requestId}`) : "",
    h("button", { type: "button", class: "btn btn-primary", onclick: () => location.reload() }, "Try again"),
  );
}

onTabs((message) => {
  if (message.type === "signed_out") leave("other_tab");
  // A sign-in elsewhere: go in, or, when inside, start afresh as whoever that was.
  else if (unmount ? message.userId !== root.dataset.userId : waiting) location.reload();
});

// Another link of ours, opened in this very tab.
addEventListener("hashchange", () => gateIn(location)?.token && location.reload());

void start();
