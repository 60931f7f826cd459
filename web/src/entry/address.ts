/**
 * The addresses that are not pages of the app. Links that came by mail or from the server carry
 * their token in the fragment, which browsers never send: `/reset#token`, `/bootstrap#token`, or
 * `/#/bootstrap?token=…`. It is taken out of the address bar (and so out of the history) before
 * anything else happens.
 */

export type Gate =
  "bootstrap" | "reset" | "invitation" | "confirm-email" | "forgot" | "sign-in-link" | "signed-in" | "login";

const gates: readonly string[] = [
  "bootstrap",
  "reset",
  "invitation",
  "confirm-email",
  "forgot",
  "sign-in-link",
  "signed-in",
  "login",
];

export interface GateAddress {
  gate: Gate;
  /** `""` when there is none. */
  token: string;
}

/** Which of them this is; nothing for a page of the app. */
export function gateIn(address: { pathname: string; hash: string }): GateAddress | undefined {
  const fragment = address.hash.replace(/^#/, "");
  const route = /^\/bootstrap(?:\?(.*))?$/.exec(fragment);
  if (route) return { gate: "bootstrap", token: new URLSearchParams(route[1] ?? "").get("token") ?? "" };
  const name = address.pathname.replace(/^\/|\/$/g, "");
  if (!gates.includes(name)) return undefined;
  return { gate: name as Gate, token: tokenIn(fragment) };
}

function tokenIn(fragment: string): string {
  if (fragment.startsWith("token=")) return new URLSearchParams(fragment).get("token") ?? "";
  try {
    return decodeURIComponent(fragment);
  } catch {
    return "";
  }
}
