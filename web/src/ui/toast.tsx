/** The visible result of an action: one line at the foot of the screen, also read aloud. */

import { useSyncExternalStore } from "react";
import { cx } from "../lib/cx";
import { Icon } from "./icon";

interface Toast {
  id: number;
  tone: "good" | "bad";
  text: string;
}

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Says what happened. Failures stay until they are closed. */
export function say(text: string, tone: Toast["tone"] = "good"): void {
  const toast = { id: nextId++, tone, text };
  set([...toasts.slice(-2), toast]);
  if (tone === "good") setTimeout(() => dismiss(toast.id), 6000);
}

function dismiss(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div
      role="region"
      aria-label="Messages"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-0 bottom-4 z-40 grid justify-items-center gap-2 px-4 max-md:bottom-18 print:hidden"
    >
      {shown.map(({ id, tone, text }) => (
        <div
          key={id}
          className="pointer-events-auto flex max-w-lg items-start gap-2.5 rounded-lg border border-line bg-panel py-2.5 pr-2 pl-3.5 shadow-[var(--float)]"
        >
          <Icon
            name={tone === "good" ? "check" : "incident"}
            className={cx("mt-0.5", tone === "good" ? "text-pass" : "text-fail")}
          />
          <p className="flex-1">{text}</p>
          <button
            type="button"
            aria-label="Close message"
            className="grid size-6 place-items-center text-ink-3 hover:text-ink"
            onClick={() => dismiss(id)}
          >
            <Icon name="close" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
