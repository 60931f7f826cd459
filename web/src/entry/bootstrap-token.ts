/**
 * The one-time link of the first start carries its token in the fragment, which browsers never
 * send: `/#/bootstrap?token=…` or `/bootstrap#token`. It is taken out of the address bar (and so
 * out of the history) before anything else happens.
 */

/** The token in this address; `""` for the page without one, `undefined` for any other page. */
export function bootstrapTokenIn(address: { pathname: string; hash: string }): string | undefined {
  const fragment = address.hash.replace(/^#/, "");
  const route = /^\/bootstrap(?:\?(.*))?$/.exec(fragment);
  if (route) return new URLSearchParams(route[1] ?? "").get("token") ?? "";
  if (address.pathname !== "/bootstrap") return undefined;
  return fragment.startsWith("token=")
    ? (new URLSearchParams(fragment).get("token") ?? "")
    : decodeURIComponent(fragment);
}
