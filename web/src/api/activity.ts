/**
 * Whether a request is somebody's doing. A request soon after a key or a click is; one that the
 * page makes by itself (a refetch after a change on the server) is not, and says so in a header:
 * the server must not take it for a person who is still there.
 */

const causedByInputMs = 10_000;

let lastInput = Date.now();
let lastPersonRequest = Date.now();

if (typeof document !== "undefined") {
  for (const event of ["pointerdown", "keydown"]) {
    document.addEventListener(event, () => void (lastInput = Date.now()), { capture: true, passive: true });
  }
}

/** Classifies a request that is about to be sent, and remembers it when a person caused it. */
export function isBackground(): boolean {
  const now = Date.now();
  const background = now - lastInput > causedByInputMs;
  if (!background) lastPersonRequest = now;
  return background;
}

/** When a person last caused a request, in milliseconds. */
export const lastActivity = (): number => lastPersonRequest;
