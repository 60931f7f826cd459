interface Props {
  from: string | undefined;
  to: string | undefined;
  onChange: (range: { from?: string; to?: string }) => void;
}

const day = (value: string | undefined) => (value ? value.slice(0, 10) : "");

/** Whole days, in UTC like the log itself. */
export function DateRange({ from, to, onChange }: Props) {
  const change = (part: "from" | "to", value: string) => {
    const next = { from, to, [part]: value ? `${value}T${part === "from" ? "00:00:00" : "23:59:59"}Z` : undefined };
    onChange({ ...(next.from ? { from: next.from } : {}), ...(next.to ? { to: next.to } : {}) });
  };
  return (
    <div role="group" aria-label="Days, UTC" className="flex flex-wrap items-center gap-2 text-ink-2">
      <label className="flex items-center gap-1.5">
        From
        <input
          type="date"
          className="input w-auto"
          value={day(from)}
          max={day(to)}
          onChange={(event) => change("from", event.target.value)}
        />
      </label>
      <label className="flex items-center gap-1.5">
        to
        <input
          type="date"
          className="input w-auto"
          value={day(to)}
          min={day(from)}
          onChange={(event) => change("to", event.target.value)}
        />
      </label>
    </div>
  );
}
