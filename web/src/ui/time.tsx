import { useNow } from "../lib/now";
import { timePreference, usePreference } from "../lib/preference";
import { exact, relative, shortDateTime } from "../lib/time";

/**
 * A moment: how long ago, with the exact time on hover. `T` turns every one on the screen into
 * the exact time and back. Outside of tables it can be focused for the same.
 */
export function Time({ at, missing = "never", focusable = false }: { at: string | null | undefined; missing?: string; focusable?: boolean }) {
  const now = useNow();
  const style = usePreference(timePreference);
  const ms = at ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(ms)) return <span className="text-ink-3">{missing}</span>;
  const full = exact(ms);
  return (
    <time dateTime={at ?? undefined} data-tip={full} className="rounded-sm whitespace-nowrap" tabIndex={focusable ? 0 : undefined}>
      {style === "exact" ? shortDateTime(ms) : relative(ms, now)}
      {focusable && <span className="sr-only">, {full}</span>}
    </time>
  );
}
