/** Words for refusals that have a code of their own: what it means, and what helps. */

import type { ErrorWords } from "./error-words";

const once = (title: string, advice: string): ErrorWords => ({ title, advice, retry: false });
const again = (title: string, advice: string): ErrorWords => ({ title, advice, retry: true });

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
    "Each one works once, and a code of an app only for half a minute: wait for the next, and check your phone's clock. After several wrong ones none is taken for 15 minutes.",
  ),
  login_failed: again(
    "E-mail or password is not right",
    "After five wrong passwords an account takes none for 15 minutes.",
  ),
  csrf_refused: once("This page is older than your session", "Reload the page, then do it again. Nothing was changed."),
  origin_refused: once(
    "This page was opened under another address",
    "Open Central Command under its own address, or reload the page there. Nothing was changed.",
  ),
  two_credentials: once("This request named two people", "Reload the page, then do it again. Nothing was changed."),
  bootstrap_closed: once("The first administrator exists already", "Sign in instead."),
  bootstrap_token_invalid: once(
    "This link does not make an administrator any more",
    "It was used, or is too old. Start the server again for a new one.",
  ),

  // Passkeys.
  passkeys_unavailable: once(
    "This installation cannot use passkeys",
    "Its address is not a name over HTTPS. Use a code of an app.",
  ),
  passkeys_full: once("You have as many passkeys as one person may have", "Take one away before you add another."),
  no_passkey: once("You have no passkey", "Use a code, and add a passkey on your account page."),
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
  passkey_required: once(
    "Your account asks for a passkey",
    "Prove one that you have. If you lost it, ask whoever manages people to take your second factors away.",
  ),
  last_factor: once("This is your last second factor", "Add another one first, so that you can still sign in."),
  totp_exists: once("An authenticator app is connected already", "Disconnect it before you connect another one."),
  totp_not_begun: again(
    "There is nothing to confirm",
    "Begin again: the key that you scanned does not count any more.",
  ),

  // Links that came by mail.
  link_invalid: once(
    "This link does not work any more",
    "It was used, it is too old, it was withdrawn, or part of it got lost on the way. Ask for a new one.",
  ),

  // Passwords and people.
  password_wrong: again(
    "This is not your current password",
    "Or it was tried too often: then wait a little before you try again. Nothing was changed.",
  ),
  mail_budget: again("Too many mails were asked for", "Look whether one has come, or wait an hour."),
  oneself: once("You cannot do this to yourself", "Ask a colleague."),
  not_managed: once("This person stands above your role", "Somebody who decides over their place has to do it."),
  already_suspended: again("This person is suspended already", "Somebody was faster. Nothing was changed."),
  not_suspended: again("This person is not suspended", "Somebody was faster. Nothing was changed."),
  last_admin: once("This is the last administrator", "Make somebody else an administrator first."),
  address_taken: once("This address has an account already", "One address belongs to one person."),
  email_taken: once("This address belongs to another account", "One address belongs to one person."),
  invitation_closed: again(
    "This invitation is closed",
    "It was accepted or withdrawn. Make a new one if it is needed.",
  ),

  // Signing in with a provider.
  flow_unknown: again(
    "This sign-in was not begun here, or is too old",
    "Start again in this window, and finish within minutes.",
  ),
  provider_gone: once("This provider is not offered any more", "Choose another way to sign in."),
  provider_refused: again("The provider did not sign you in", "You may have cancelled. Nothing was changed."),
  provider_unavailable: again(
    "The provider did not answer",
    "It may be down. Try again, or sign in with your password.",
  ),
  token_refused: again(
    "The provider's answer could not be trusted",
    "Start again. If it happens twice, tell whoever administers your organisation.",
  ),
  not_linked: once(
    "This account is not linked to anybody here",
    "Sign in with your password, then link it on your account page.",
  ),
  email_unverified: once(
    "The provider has not verified your address",
    "Verify your e-mail address there first, then come back.",
  ),
  awaiting_approval: once(
    "Your request is with an administrator",
    "You can sign in as soon as somebody has approved it and given you a role.",
  ),
  approval_rejected: once("Your request was turned down", "Ask the administrator of your organisation why."),
  approval_queue_full: again("Too many people wait to be let in", "Ask your administrator to invite you by mail."),
  account_disabled: once(
    "This account is suspended",
    "Whoever administers your organisation can say why, and restore it.",
  ),
  wrong_place: once(
    "This provider vouches for people of another place",
    "Use the button of your own organisation, or your password.",
  ),
  identity_taken: once("This account belongs to another person here", "Link another one."),
  session_over: again("Your session ended meanwhile", "Sign in, then link the account again."),
  last_way_in: once("This is your only way to sign in", "Set a password first, with “Forgotten password?”."),
  has_account: once(
    "This person has an account here",
    "They are in the list of people already. Change their role there.",
  ),
  already_decided: again("Somebody decided on this already", "Look at the list again."),
  sign_in_failed: again("The sign-in did not work", "Start again. Nothing was changed."),

  // Access to a client.
  own_access: once(
    "You cannot let yourself or others in",
    "An owner of the practice has to, or somebody who is let in already.",
  ),
  no_owner: once(
    "This client has no owner to be told",
    "Invite an owner first: they are told of everybody who is let in.",
  ),
  not_restricted: again("This client is not restricted", "Nobody has to be let in."),
  let_in: again("You were let into this client", "It is open to you; there is nothing to ask for."),
  not_let_in: again("This person was not let in", "Somebody was faster. Nothing was changed."),
  already_asked: again("You have asked for this client already", "A second person has to agree."),
  second_person_needed: once("You cannot approve your own request", "Emergency access takes two people."),
  invited_by_requester: once(
    "You were invited by the person who asks",
    "Emergency access takes two people: somebody else has to agree.",
  ),
  break_glass_over: again("This access is over", "It ended, or was turned down. Ask again if it is needed."),
  not_involved: once(
    "You have no part in this access",
    "It is ended by who asked for it, who approved it, or an owner of the practice.",
  ),
  not_above: again(
    "This person cannot be let in",
    "Only people of the platform or of the client's partner are, while their account is open.",
  ),

  // Plans and incidents.
  plan_changed: again(
    "Another plan waits by now",
    "Nothing was approved. Read the plan that is on the page now before you decide.",
  ),
  not_awaiting_approval: again(
    "No plan waits for a person any more",
    "It was carried out, withdrawn, or the check passes again. Nothing was changed.",
  ),
  already_approved: again("This plan was approved already", "The appliance fetches the order at its next check-in."),
  not_escalatable: again(
    "This incident cannot be handed over as it stands",
    "It is with a person already, a runbook is at work, or it is over. Load the page again.",
  ),

  // Appliances and what belongs to them.
  appliance_revoked: once(
    "This appliance was revoked",
    "Nothing reaches it any more. Provision the machine again if it is still in use.",
  ),
  already_revoked: again("This appliance was revoked before", "Nothing was changed."),
  too_many_credentials: once(
    "This appliance holds as many credentials as it may",
    "Up to 50. Take one away before you add another.",
  ),
  key_in_use: once("This key belongs to an appliance already", "Every machine needs a key of its own."),

  // The installation.
  already_cleared: again("This alarm was cleared already", "Nothing was changed."),
  rotation_expired: once("The time for this decision is over", "Ask for the rotation again on the server."),
  evidence_unsound: once(
    "The log of this site does not hold together",
    "Nothing of it is shown. Tell whoever runs the installation, with the request id.",
  ),

  // Whatever is changed.
  name_taken: again("There is one of this name already", "Choose another name."),
  conflict: again("This clashes with something that exists already", "Look at the list before you do it again."),
  stale: again("Somebody changed this meanwhile", "Load the page again and look before you change it."),
  already_done: again(
    "This was done already",
    "Its answer is given only once: look at the list. Nothing was done a second time.",
  ),
  too_large: again("This is more than the server takes at once", "Shorten it, then send it again."),
  json_expected: again("The server could not read what this page sent", "Reload the page, then do it again."),
  json_invalid: again("What this page sent was damaged", "Reload the page, then do it again."),
  method_not_allowed: again("This page is older than the server", "Reload the page, then do it again."),
  overloaded: again("The server is asked too much at once", "Try again in a moment. Nothing was changed."),
  timed_out: again("This took too long and was given up", "Nothing was changed. Try again."),

  // Programs.
  not_grantable: again("A token cannot be given this", "Your role may have changed. Load the page again."),
};
