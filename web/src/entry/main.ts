/**
 * The first code that runs: who is there? Signed in: load the app and hand over. Not signed in:
 * the sign-in form, or the form of the first start. Written without a framework, so that the form
 * works after a few kilobytes; everything else is loaded behind it.
 */

import "../styles.css";
import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { csrfToken } from "../api/http";
import type { AuthStatus, Session } from "../api/types";
import { bootstrap, fetchSession, fetchStatus, type LeaveReason, signIn } from "../auth/session";
import { onTabs, tellTabs } from "../auth/tabs";
import { bootstrapTokenIn } from "./bootstrap-token";
import { brandMark, h } from "./dom";
import { showForm } from "./form";

const root = document.getElementById("root") as HTMLElement;
const loadApp = () => import("../app/mount");

/** Set while the app is on the screen. */
let unmount: (() => void) | undefined;

const notices: Record<LeaveReason, string> = {
  signed_out: "You signed out.",
  expired: "Your session ended. Sign in to go on where you were.",
  other_tab: "You signed out in another tab.",
};

async function start(): Promise<void> {
  const token = bootstrapTokenIn(location);
  if (token !== undefined) {
    history.replaceState(null, "", "/bootstrap");
    return showBootstrap(token);
  }
  // The readable cookie is only a hint that a session may exist: it saves one round trip.
  const code = csrfToken() ? loadApp() : undefined;
  code?.catch(() => undefined);
  try {
    await enter(await fetchSession());
  } catch (error) {
    if (error instanceof ApiError && error.kind === "signed_out") await showSignIn();
    else showUnreachable(error);
  }
}

async function enter(session: Session): Promise<void> {
  if (location.pathname === "/bootstrap" || location.pathname === "/sign-in") history.replaceState(null, "", "/");
  try {
    const { mount } = await loadApp();
    root.replaceChildren();
    root.dataset.userId = session.user.id;
    unmount = mount(root, session, leave);
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
  void showSignIn(reason);
}

async function showSignIn(reason?: LeaveReason): Promise<void> {
  const status = await fetchStatus().catch((): AuthStatus | undefined => undefined);
  if (status?.bootstrap_open) return showBootstrap("", status);
  showForm(root, {
    title: "Sign in",
    intro: status ? status.installation_name : "Central Command",
    notice: reason && notices[reason],
    fields: [
      { name: "email", label: "E-mail", type: "email", autocomplete: "username", maxLength: 254 },
      { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
    ],
    submit: "Sign in",
    busy: "Signing in…",
    footer: status && `Proofline ${status.version}`,
    explain: (error) => {
      switch (error.code) {
        case "login_failed":
          return "E-mail or password is not right. After five wrong passwords an account takes none for 15 minutes.";
        default:
          return undefined;
      }
    },
    async onSubmit({ email = "", password = "" }) {
      const session = await signIn(email.trim(), password);
      tellTabs({ type: "signed_in", userId: session.user.id });
      await enter(session);
    },
  });
  // While the person types, the rest comes in quietly.
  requestIdleCallback?.(() => void loadApp().catch(() => undefined));
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
      {
        name: "password",
        label: "Password",
        type: "password",
        autocomplete: "new-password",
        minLength: 12,
        hint: "12 characters or more. A few unrelated words are good; spaces are allowed.",
      },
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
      const session = await bootstrap({
        token: token || typed.trim(),
        name: name.trim(),
        email: email.trim(),
        password,
      });
      tellTabs({ type: "signed_in", userId: session.user.id });
      await enter(session);
    },
  });
}

function showUnreachable(error: unknown): void {
  const words = wordsFor(error);
  const requestId = error instanceof ApiError ? error.requestId : undefined;
  const retry = h(
    "button",
    { type: "button", class: "btn btn-primary", onclick: () => location.reload() },
    "Try again",
  );
  root.replaceChildren(
    h(
      "main",
      { class: "gate" },
      h("p", { class: "gate-brand" }, brandMark(), "Proofline"),
      h(
        "div",
        { class: "panel gate-card", role: "alert" },
        h("h1", {}, words.title),
        h("p", { class: "gate-intro" }, words.advice),
        requestId ? h("p", { class: "form-request" }, `Request ${requestId}`) : "",
        retry,
      ),
    ),
  );
  document.title = `${words.title} · Proofline`;
}

onTabs((message) => {
  if (message.type === "signed_out") leave("other_tab");
  // A sign-in elsewhere: go in, or, when inside, start afresh as whoever that was.
  else if (!unmount || message.userId !== root.dataset.userId) location.reload();
});

void start();
