import { type ReactNode, useId } from "react";
import { cx } from "../lib/cx";

interface Props {
  title: ReactNode;
  /** Said quietly beside the title. */
  note?: ReactNode;
  /** At the far end of the head: a link, a filter. */
  action?: ReactNode;
  className?: string;
  children: ReactNode;
}

/** A titled surface; a landmark of its own for screen readers. */
export function Panel({ title, note, action, className, children }: Props) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={cx("panel min-w-0", className)}>
      <div className="flex min-h-11 flex-wrap items-center gap-x-2 gap-y-1 border-b border-hair px-4 py-2">
        <h2 id={id} className="text-sm">
          {title}
        </h2>
        {note && <span className="text-xs text-ink-3">{note}</span>}
        {action && <div className="ml-auto flex items-center gap-2 text-xs">{action}</div>}
      </div>
      {children}
    </section>
  );
}
