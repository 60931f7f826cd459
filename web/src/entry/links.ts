/** The pages behind the links of our mails, and the one that asks for such a mail. */

import type { Session } from "../api/types";
import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { levelOf, roleMeaning, roleWord } from "../auth/roles";
import {
  acceptInvitation,
  askForReset,
  askForSignInLink,
  confirmEmail,
  lookAtInvitation,
  setPassword,
  signInByLink,
} from "../auth/session";
import { h } from "./dom";
import { showForm } from "./form";
import { showGate } from "./gate";
import { newPasswordField } from "./password-field";

const toSignIn = { label: "Go to sign-in", to: "/" };

/** The link leads nowhere, or the server could not say where. */
function showBroken(root: HTMLElement, error: unknown): void {
  const { title, advice, retry } = wordsFor(error);
  const requestId = error instanceof ApiError ? error.requestId : undefined;
  showGate(
    root,
    { title, intro: advice, alarm: true },
    requestId ? h("p", { class: "form-request" }, `Request ${requestId}`) : "",
    retry && h("button", { type: "button", class: "btn btn-primary", onclick: () => location.reload() }, "Try again"),
    h("div", { class: "gate-links" }, h("a", { href: "/", class: "link" }, toSignIn.label)),
  );
}

/** Asks where to send a link to, and says the same whoever has the address. */
function showAsk(
  root: HTMLElement,
  ask: (email: string) => Promise<void>,
  words: { title: string; intro: string; whose: string; footer?: string },
): void {
  showForm(root, {
    ...words,
    fields: [{ name: "email", label: "E-mail", type: "email", autocomplete: "username", maxLength: 254 }],
    submit: "Send the link",
    busy: "Sending…",
    ways: [toSignIn],
    async onSubmit({ email = "" }) {
      await ask(email.trim());
      showGate(
        root,
        {
          title: "Look into your mail",
          intro: `If ${email.trim()} ${words.whose}, a link is on its way. It works once, and for a short time.`,
        },
        h("p", { class: "field-hint gate-after" }, "Nothing there after a few minutes? Look into the folder for spam."),
        h("div", { class: "gate-links" }, h("a", { href: "/", class: "link" }, toSignIn.label)),
      );
    },
  });
}

export function showForgot(root: HTMLElement): void {
  showAsk(root, askForReset, {
    title: "Forgotten password",
    intro: "We send you a link with which you set a new one.",
    whose: "has an account here",
  });
}

export function showAskForLink(root: HTMLElement): void {
  showAsk(root, askForSignInLink, {
    title: "Sign in with a link",
    intro: "We send you a link that takes the place of your password. It works for 15 minutes.",
    whose: "is the address of somebody at a practice",
    footer: "For people of practices. Everybody else signs in with a password or a passkey.",
  });
}

/** The button is there because programs that look into mails open links, and must not use them up. */
export function showSignInLink(root: HTMLElement, token: string, done: (session: Session) => Promise<void>): void {
  showForm(root, {
    title: "Sign in",
    intro: "With the link from your mail. It works once.",
    fields: [],
    submit: "Sign in",
    busy: "Signing in…",
    ways: [{ label: "Ask for a new link", to: "/sign-in-link" }],
    async onSubmit() {
      await done(await signInByLink(token));
    },
  });
}

export function showReset(root: HTMLElement, token: string, done: (notice: string) => void): void {
  if (!token) return showBroken(root, new ApiError("not_found", { code: "link_invalid" }));
  showForm(root, {
    title: "Set a new password",
    intro: "Every session of yours ends, on all devices.",
    fields: [newPasswordField("New password")],
    submit: "Set the password",
    busy: "Setting…",
    ways: [{ label: "Ask for a new link", to: "/forgot" }],
    async onSubmit({ password = "" }) {
      await setPassword(token, password);
      done("Your new password is set. Sign in with it.");
    },
  });
}

export async function showInvitation(
  root: HTMLElement,
  token: string,
  done: (session: Session) => Promise<void>,
): Promise<void> {
  if (!token) return showBroken(root, new ApiError("not_found", { code: "link_invalid" }));
  showGate(root, { title: "Your invitation", intro: "Reading it…" });
  let look;
  try {
    look = await lookAtInvitation(token);
  } catch (error) {
    return showBroken(root, error);
  }
  const where = levelOf(look.role) === "platform" || !look.place_name ? "" : ` of ${look.place_name}`;
  showForm(root, {
    title: "Welcome",
    intro: `${look.inviter_name} invites you as ${roleWord(look.role)}${where}. You will be able to ${roleMeaning(look.role)}.`,
    fields: [
      { name: "email", label: "E-mail", type: "email", autocomplete: "username", fixed: look.email },
      { name: "name", label: "Your name", type: "text", autocomplete: "name", maxLength: 120 },
      newPasswordField("Password"),
    ],
    submit: "Accept the invitation",
    busy: "Accepting…",
    footer: "Next you protect your account with a passkey or an authenticator app.",
    async onSubmit({ name = "", password = "" }) {
      await done(await acceptInvitation(token, name.trim(), password));
    },
  });
}

/** The button is there because programs that look into mails open links, and must not confirm anything. */
export function showConfirmEmail(root: HTMLElement, token: string): void {
  if (!token) return showBroken(root, new ApiError("not_found", { code: "link_invalid" }));
  showForm(root, {
    title: "Confirm your new address",
    intro: "From then on you sign in with this address.",
    fields: [],
    submit: "Confirm the address",
    busy: "Confirming…",
    async onSubmit() {
      await confirmEmail(token);
      showGate(
        root,
        { title: "Your address is confirmed", intro: "Use it from the next sign-in on." },
        h("a", { href: "/", class: "btn btn-primary gate-after" }, "Go on"),
      );
    },
  });
}
