/** A choice of this person on this computer, kept in local storage; never anything secret. */

import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

export interface Preference<T extends string> {
  readonly key: string;
  readonly values: readonly T[];
  readonly fallback: T;
}

export const themePreference: Preference<"system" | "light" | "dark"> = {
  key: "proofline.theme",
  values: ["system", "light", "dark"],
  fallback: "system",
};

export const timePreference: Preference<"relative" | "exact"> = {
  key: "proofline.times",
  values: ["relative", "exact"],
  fallback: "relative",
};

export function readPreference<T extends string>({ key, values, fallback }: Preference<T>): T {
  try {
    const stored = localStorage.getItem(key);
    return values.find((value) => value === stored) ?? fallback;
  } catch {
    return fallback;
  }
}

export function setPreference<T extends string>(preference: Preference<T>, value: T): void {
  try {
    localStorage.setItem(preference.key, value);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
  if (preference.key === themePreference.key) applyTheme(value);
  for (const listener of listeners) listener();
}

export function usePreference<T extends string>(preference: Preference<T>): T {
  return useSyncExternalStore(subscribe, () => readPreference(preference));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function applyTheme(theme: string): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
