import { Link, type LinkProps } from "@tanstack/react-router";
import { Icon } from "./icon";

/** The way back up. The page itself is named by its heading. */
export function Crumbs({ trail }: { trail: { label: string; link: LinkProps }[] }) {
  return (
    <nav aria-label="Breadcrumb" className="mb-1">
      <ol className="flex flex-wrap items-center gap-1 text-xs text-ink-2">
        {trail.map(({ label, link }, i) => (
          <li key={label} className="flex items-center gap-1">
            {i > 0 && <Icon name="right" size={10} className="text-ink-3" />}
            <Link {...link} className="rounded-sm hover:text-ink hover:underline">
              {label}
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}
