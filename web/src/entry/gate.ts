/** The card that every page before the app is written on. */

import { type Child, brandMark, h } from "./dom";

interface GateSpec {
  title: string;
  intro: string;
  notice?: string | undefined;
  footer?: string | undefined;
  /** It says that something failed. */
  alarm?: boolean;
}

export function showGate(
  root: HTMLElement,
  { title, intro, notice, footer, alarm }: GateSpec,
  ...inside: Child[]
): void {
  root.replaceChildren(
    h(
      "main",
      { class: "gate" },
      h("p", { class: "gate-brand" }, brandMark(), "Proofline"),
      h(
        "div",
        { class: "panel gate-card", role: alarm ? "alert" : undefined },
        h("h1", { id: "gate-title" }, title),
        h("p", { class: "gate-intro" }, intro),
        notice ? h("p", { role: "status", class: "gate-notice" }, notice) : "",
        ...inside,
      ),
      footer ? h("p", { class: "gate-footer" }, footer) : "",
    ),
  );
  document.title = `${title} · Proofline`;
}
