import { endOfDay, rfc3339, startOfDay, toDay } from "../lib/time";

interface Props {
  from: string | undefined;
  to: string | undefined;
  /** One end alone: the other may have changed since this was drawn. */
  onChange: (part: "from" | "to", at: string | undefined) => void;
}

const day = (value: string | undefined) => (value ? toDay(Date.parse(value)) : "");

/** Whole days where the reader is, as the rows show them; asked for as moments. */
export function DateRange({ from, to, onChange }: Props) {
  const change = (part: "from" | "to", value: string) => {
    const at = part === "from" ? startOfDay(value) : endOfDay(value);
    onChange(part, Number.isNaN(at) ? undefined : rfc3339(at));
  };
  return (
    <div role="group" aria-label="Days" className="flex flex-wrap items-center gap-2 text-ink-2">
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
