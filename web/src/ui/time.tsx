import { cx } from "../lib/cx";
import { useNow } from "../lib/now";
import { timePreference, usePreference } from "../lib/preference";
import { exact, lasting, relative, shortDateTime } from "../lib/time";

interface Props {
  at: string | null | undefined;
  missing?: string;
  /** The beginning of something that lasts: "for 3 min" instead of "3 min ago". */
  since?: boolean;
  focusable?: boolean;
}

/**
 * A moment: how long ago, with the exact time on hover. `T` turns every one on the screen into
 * the exact time and back. Outside of tables it can be focused for the same. Paper, on which nothing turns over, always has
 * the exact time.
 */
export function Time({ at, missing = "never", since = false, focusable = false }: Props) {
  const now = useNow();
  const style = usePreference(timePreference);
  const ms = at ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(ms)) return <span className="text-ink-3">{missing}</span>;
  const full = exact(ms);
  return (
    <time
      dateTime={at ?? undefined}
      data-tip={full}
      data-since={since || undefined}
      className={cx(
        "rounded-sm",
        style === "exact" ? "whitespace-normal" : "whitespace-nowrap print:whitespace-normal",
      )}
      tabIndex={focusable ? 0 : undefined}
    >
      <span className="print:hidden">
        {style === "exact"
          ? `${since ? "since\u00a0" : ""}${shortDateTime(ms)}`
          : since
            ? lasting(ms, now)
            : relative(ms, now)}
      </span>
      {focusable && <span className="sr-only">, {full}</span>}
    </time>
  );
}
