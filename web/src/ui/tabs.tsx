import { type ActiveOptions, Link, type LinkProps, useLocation, useMatchRoute } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { cx } from "../lib/cx";

export interface TabLink {
  label: string;
  count?: number | undefined;
  link: LinkProps & { activeOptions?: ActiveOptions };
}

/** What the tab that one is on is called. */
export function useTabLabel(tabs: readonly TabLink[]): string | undefined {
  const matches = useMatchRoute();
  return tabs.find(({ link: { to, params } }) => matches({ to, params } as Parameters<typeof matches>[0]))?.label;
}

/** Sub-pages as tabs. They are links: each has its own address. */
export function TabNav({ label, tabs }: { label: string; tabs: TabLink[] }) {
  const { ref, before, after } = useOverflow();
  return (
    <nav aria-label={label} className="mb-4 border-b border-line">
      <ul
        ref={ref}
        className={cx(
          "relative -mb-px flex gap-1 overflow-x-auto [scrollbar-width:none]",
          before && after && "mask-x-from-[calc(100%-2rem)]",
          before && !after && "mask-l-from-[calc(100%-2rem)]",
          after && !before && "mask-r-from-[calc(100%-2rem)]",
        )}
      >
        {tabs.map((tab) => (
          <li key={tab.label}>
            <Link
              {...tab.link}
              className="flex h-9 items-center gap-1.5 border-b-2 border-transparent px-2.5 font-medium whitespace-nowrap text-ink-2 -outline-offset-2 hover:text-ink aria-[current=page]:border-accent aria-[current=page]:text-ink"
            >
              {tab.label}
              {tab.count !== undefined && (
                <span className="rounded-sm bg-inset px-1.5 text-xs text-ink-2">{tab.count}</span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Keeps the current tab in view, and knows at which end there is more than fits. */
function useOverflow() {
  const ref = useRef<HTMLUListElement>(null);
  const [more, setMore] = useState({ before: false, after: false });
  const { pathname } = useLocation();
  useEffect(() => {
    const list = ref.current;
    if (!list) return;
    const look = () => {
      const left = list.scrollWidth - list.clientWidth - list.scrollLeft;
      setMore({ before: list.scrollLeft > 1, after: left > 1 });
    };
    const center = () => {
      const current = list.querySelector<HTMLElement>("[aria-current=page]");
      if (current) list.scrollLeft = current.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
      look();
    };
    // Of itself too, and of each tab: counts come later than words.
    const observer = new ResizeObserver(center);
    for (const element of [list, ...list.children]) observer.observe(element);
    list.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      list.removeEventListener("scroll", look);
    };
  }, [pathname]);
  return { ref, ...more };
}
