/** Whether the server answers, as the last request found it. An answer that it failed is none. */

let answers = true;
const listeners = new Set<() => void>();

export const serverAnswers = (): boolean => answers;

export function noteAnswer(now: boolean): void {
  if (now === answers) return;
  answers = now;
  for (const listener of listeners) listener();
}

/** The returned function ends it. */
export function onReach(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
