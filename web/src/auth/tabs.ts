/**
 * What the tabs of one browser tell each other about the session: whoever signs out signs out
 * everywhere, and whoever signs in wakes the tabs that wait on the sign-in page.
 */

type Message = { type: "signed_out" } | { type: "signed_in"; userId: string };

const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("proofline.session");

export function tellTabs(message: Message): void {
  channel?.postMessage(message);
}

/** Listens until the returned function is called. */
export function onTabs(listener: (message: Message) => void): () => void {
  const handle = (event: MessageEvent<Message>) => listener(event.data);
  channel?.addEventListener("message", handle);
  return () => channel?.removeEventListener("message", handle);
}
