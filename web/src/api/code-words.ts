/** Words for refusals that have a code of their own: what it means, and what helps. */

import type { ErrorWords } from "./error-words";

const once = (title: string, advice: string): ErrorWords => ({ title, advice, retry: false });
const again = (title: string, advice: string): ErrorWords => ({ title, advice, retry: true });

const linkDead = (what: string, advice: string) => once(`This ${what} does not work any more`, advice);

export const codeWords: Record<string, ErrorWords> = {
  // Who is asking.
  second_factor_required: once(
    "Your second factor is missing",
    "A password alone opens nothing here. Confirm with your passkey or a code.",
  ),
  second_factor_enrolment_required: once(
    "Your account needs a second factor",
    "Set one up first. It takes about a minute.",
  ),
  step_up_required: once("This needs a fresh confirmation", "Confirm that it is you, then try again."),
  step_up_cancelled: once("You did not confirm that it is you", "Nothing was changed."),
  code_refused: again(
    "This code was not accepted",
    "Each code works once and for half a minute. Wait for the next one, and check the clock of your phone.",
  ),
  recovery_code_refused: again("This recovery code was not accepted", "Each one works once. Try another of the list."),
  account_suspended: once(
    "This account is suspended",
    "Whoever administers your organisation can say why, and restore it.",
  ),
  login_failed: again(
    "E-mail or password is not right",
    "After five wrong passwords an account takes none for 15 minutes.",
  ),

  // Passkeys.
  passkey_unsupported: once(
    "This browser has no passkeys",
    "Use a code, or open this page in a browser of this year over a secure connection.",
  ),
  passkey_cancelled: again(
    "The passkey was not used",
    "The browser's question was closed, or nobody answered it in time. Nothing was changed.",
  ),
  passkey_exists: once(
    "This device has a passkey for you already",
    "Use another device or a security key, or keep the one you have.",
  ),
  passkey_refused: again(
    "This passkey was not accepted",
    "It may have been removed from your account. Use another one, or a code.",
  ),
  ceremony_expired: again("That took too long", "For your safety a passkey has to answer within minutes. Try again."),
  last_factor: once("This is your last second factor", "Add another one first, so that you can still sign in."),

  // Links that came by mail.
  link_invalid: linkDead("link", "It was used, it is too old, or part of it got lost on the way."),
  invitation_invalid: linkDead(
    "invitation",
    "It was accepted, withdrawn or is too old. Ask the person who invited you for a new one.",
  ),
  reset_invalid: linkDead("link", "It works once, and for a short time. Ask for a new one."),
  email_token_invalid: linkDead("link", "Ask for the change again on your account page."),

  // Passwords and people.
  password_wrong: again("Your current password is not right", "Nothing was changed."),
  password_breached: again(
    "This password is in lists of stolen passwords",
    "Choose one that you use nowhere else. A few unrelated words are good.",
  ),
  password_reused: again("This is the password you have", "Choose another one."),
  email_taken: again("This address is in use already", "One address belongs to one person."),
  already_invited: again("An invitation to this address is open", "Send it again, or revoke it first."),
  role_not_allowed: once("You cannot give this role", "A role is given by someone who stands above it."),
  last_admin: once("This is the last administrator", "Make somebody else an administrator first."),
  not_yourself: once("You cannot do this to yourself", "Ask another administrator."),

  // Signing in with a provider.
  provider_cancelled: again("You did not sign in with the provider", "Nothing was changed. Try again when you like."),
  provider_unavailable: again(
    "The provider did not answer",
    "It may be down. Try again, or sign in with your password.",
  ),
  provider_refused: again("The provider's answer could not be trusted", "Start again. If it repeats, tell your IT."),
  provider_disabled: once("This provider is switched off", "Choose another way to sign in."),
  state_invalid: again(
    "This sign-in was not begun here, or is too old",
    "Start again in this window, and finish within ten minutes.",
  ),
  email_unverified: once(
    "The provider has not verified your address",
    "Verify your e-mail address there first, then come back.",
  ),
  domain_not_allowed: once("Your address is of a domain that is not let in", "Use the account of your organisation."),
  approval_pending: once(
    "Your request is with an administrator",
    "You can sign in as soon as somebody has approved it and given you a role.",
  ),
  approval_rejected: once("Your request was turned down", "Ask the administrator of your organisation why."),
  identity_in_use: once("This account belongs to another person here", "Sign out there first, or link another one."),
  sign_in_failed: again("The sign-in did not work", "Start again. Nothing was changed."),

  // Access to a client.
  restricted: once(
    "This client is restricted",
    "Only people with a grant see it. Ask for one, or ask for emergency access with a reason.",
  ),
  own_request: once("You cannot approve your own request", "Emergency access takes two people."),
  not_requested: again("This request is not open any more", "Somebody decided already, or it has ended."),
};
