import { cx } from "../lib/cx";
import { humanise } from "../lib/format";

const height: Record<string, number> = { low: 1, medium: 2, high: 3, critical: 4 };

/** Severity as a rising bar and its word; never the colour of a verdict. */
export function Severity({ value, word = true }: { value: string; word?: boolean }) {
  const level = height[value] ?? 0;
  const label = humanise(value);
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap text-ink-2">
      <svg
        viewBox="0 0 14 12"
        width="14"
        height="12"
        {...(word ? { "aria-hidden": true } : { role: "img", "aria-label": `${label} severity` })}
      >
        {[1, 2, 3, 4].map((bar) => (
          <rect
            key={bar}
            x={(bar - 1) * 3.7}
            y={12 - bar * 3}
            width="2.6"
            height={bar * 3}
            rx="0.8"
            className={cx(bar <= level ? "fill-ink-2" : "fill-line")}
          />
        ))}
      </svg>
      {word && <span className={cx(level === 4 && "font-semibold text-ink")}>{label}</span>}
    </span>
  );
}
