/**
 * One stream for all tabs of this browser: browsers open few connections to one host, and a
 * handful of open tabs would use them up. The tab that holds the lock has the connection; the
 * others listen to it. Where locks do not exist, every tab leads itself.
 */

const name = "proofline.live";

type Message<T> = { kind: "shared"; value: T } | { kind: "hello" };

interface Roles<T> {
  /** Called once this tab leads; the returned function ends what it started. */
  lead: (share: (value: T) => void) => () => void;
  /** A value from the tab that leads. */
  follow: (value: T) => void;
  /** Another tab asks the leading one where things stand. */
  onHello: (share: (value: T) => void) => void;
}

/** Joins; the returned function leaves, and lets another tab lead. */
export function shareAmongTabs<T>({ lead, follow, onHello }: Roles<T>): () => void {
  const stopped = new AbortController();
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  const post = (message: Message<T>) => channel?.postMessage(message);
  const share = (value: T) => post({ kind: "shared", value });
  let leading = false;

  channel?.addEventListener("message", ({ data }: MessageEvent<Message<T>>) => {
    if (data.kind === "hello") {
      if (leading) onHello(share);
    } else if (!leading) follow(data.value);
  });

  function whileLeading(): Promise<void> {
    leading = true;
    const end = lead(share);
    return new Promise((resolve) => {
      stopped.signal.addEventListener("abort", () => {
        end();
        channel?.close();
        resolve();
      });
    });
  }

  if (navigator.locks && channel) {
    navigator.locks.request(name, { signal: stopped.signal }, whileLeading).catch(() => channel.close());
    post({ kind: "hello" });
  } else {
    void whileLeading();
  }
  return () => stopped.abort();
}
