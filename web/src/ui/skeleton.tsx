import { cx } from "../lib/cx";

/** A grey bar where text will be. */
export function Bar({ className }: { className?: string }) {
  return <div className={cx("skeleton h-3", className)} />;
}

/** As many rows as the list will most likely have. */
export function RowsSkeleton({ rows = 6, tall = false }: { rows?: number; tall?: boolean }) {
  return (
    <div className="divide-y divide-hair">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={cx("flex items-center gap-4 px-4", tall ? "h-14" : "h-10")}>
          <Bar className={i % 3 === 1 ? "w-2/5" : "w-1/3"} />
          <Bar className="ml-auto w-16" />
          <Bar className="hidden w-24 sm:block" />
        </div>
      ))}
    </div>
  );
}
