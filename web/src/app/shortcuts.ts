/**
 * Keys that work everywhere. Single letters can be switched off (WCAG 2.1.4) and never act while
 * somebody types or a dialog is open.
 */

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { type Preference, readPreference, setPreference, timePreference } from "../lib/preference";
import { moveRow } from "../lib/rows";
import { useSession } from "../auth/context";
import { destinationsFor } from "./navigation";

export const shortcutPreference: Preference<"on" | "off"> = {
  key: "proofline.shortcuts",
  values: ["on", "off"],
  fallback: "on",
};

interface Handlers {
  openPalette: () => void;
  openHelp: () => void;
}

const chordMs = 1200;

export function useShortcuts({ openPalette, openHelp }: Handlers): void {
  const navigate = useNavigate();
  const { permissions } = useSession().session;
  const chordUntil = useRef(0);

  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
        event.preventDefault();
        return openPalette();
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
      if (readPreference(shortcutPreference) === "off" || document.querySelector("[role=dialog]")) return;

      if (chordUntil.current > event.timeStamp) {
        chordUntil.current = 0;
        const destination = destinationsFor(permissions).find(({ key }) => key === event.key);
        if (destination) {
          event.preventDefault();
          void navigate({ to: destination.to });
        }
        return;
      }
      const action = actions[event.key];
      if (action) {
        event.preventDefault();
        action(event);
      }
    }

    const actions: Record<string, (event: KeyboardEvent) => void> = {
      g: (event) => {
        chordUntil.current = event.timeStamp + chordMs;
      },
      "/": () => {
        const field = document.querySelector<HTMLInputElement>("main [data-shortcut='/']");
        if (field) field.focus();
        else openPalette();
      },
      j: () => moveRow(1),
      k: () => moveRow(-1),
      t: () => setPreference(timePreference, readPreference(timePreference) === "exact" ? "relative" : "exact"),
      "?": openHelp,
    };

    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate, permissions, openPalette, openHelp]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
