import { Link, type LinkProps } from "@tanstack/react-router";
import type { ReactNode } from "react";

/** The one link of a row; the whole row is its target. */
export function RowLink({ link, children }: { link: LinkProps; children: ReactNode }) {
  return (
    <Link
      {...link}
      data-row-link=""
      className="font-semibold text-ink after:absolute after:inset-0 group-hover:underline group-hover:decoration-line group-hover:underline-offset-2"
    >
      {children}
    </Link>
  );
}
