/**
 * One tooltip for the whole page: whatever carries `data-tip` shows it on hover and on focus.
 * One element in the top layer instead of one component for each of a thousand cells. It stays
 * while the pointer is on it, and Escape hides it (WCAG 1.4.13).
 */

import { useEffect, useRef } from "react";

const gap = 6;

export function TooltipLayer() {
  const ref = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const tip = ref.current;
    if (!tip) return;
    let target: Element | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;

    const hide = () => {
      clearTimeout(timer);
      target = undefined;
      if (tip.matches(":popover-open")) tip.hidePopover();
    };
    const show = (element: Element) => {
      const text = element.getAttribute("data-tip");
      if (!text || !element.isConnected) return hide();
      tip.textContent = text;
      tip.showPopover();
      place(tip, element.getBoundingClientRect());
    };
    const consider = (event: Event, delay: number) => {
      const from = event.target instanceof Element ? event.target : undefined;
      if (from && tip.contains(from)) return;
      const next = from?.closest("[data-tip]") ?? undefined;
      if (next === target) return;
      hide();
      if (!next) return;
      target = next;
      timer = setTimeout(() => show(next), delay);
    };
    const onPointer = (event: PointerEvent) => {
      if (event.pointerType !== "touch") consider(event, 350);
    };
    const onFocus = (event: FocusEvent) => {
      if (event.target instanceof Element && event.target.matches(":focus-visible")) consider(event, 0);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") hide();
    };

    document.addEventListener("pointerover", onPointer);
    document.addEventListener("focusin", onFocus);
    document.addEventListener("focusout", hide);
    document.addEventListener("pointerdown", hide);
    document.addEventListener("keydown", onKey, true);
    window.addEventListener("scroll", hide, { capture: true, passive: true });
    return () => {
      hide();
      document.removeEventListener("pointerover", onPointer);
      document.removeEventListener("focusin", onFocus);
      document.removeEventListener("focusout", hide);
      document.removeEventListener("pointerdown", hide);
      document.removeEventListener("keydown", onKey, true);
      window.removeEventListener("scroll", hide, { capture: true });
    };
  }, []);

  return (
    <div
      ref={ref}
      popover="manual"
      role="tooltip"
      className="m-0 max-w-80 rounded-md bg-ink px-2.5 py-1.5 text-xs text-panel shadow-[var(--float)]"
    />
  );
}

function place(tip: HTMLElement, anchor: DOMRect): void {
  const box = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, anchor.left + anchor.width / 2 - box.width / 2), innerWidth - box.width - 8);
  const above = anchor.top - box.height - gap;
  tip.style.left = `${left}px`;
  tip.style.top = `${above >= 8 ? above : anchor.bottom + gap}px`;
}
