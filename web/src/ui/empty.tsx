import type { ReactNode } from "react";

/** Nothing to show, and that is the truth: the query succeeded. Says what would be here. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-1 px-6 py-10 text-center">
      <p className="font-semibold">{title}</p>
      {children && <p className="max-w-prose text-ink-2">{children}</p>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}
