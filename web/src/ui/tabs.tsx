import { type ActiveOptions, Link, type LinkProps } from "@tanstack/react-router";

export interface TabLink {
  label: string;
  count?: number | undefined;
  link: LinkProps & { activeOptions?: ActiveOptions };
}

/** Sub-pages as tabs. They are links: each has its own address. */
export function TabNav({ label, tabs }: { label: string; tabs: TabLink[] }) {
  return (
    <nav aria-label={label} className="mb-4 overflow-x-auto border-b border-line">
      <ul className="flex gap-1">
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
