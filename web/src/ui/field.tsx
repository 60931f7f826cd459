import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "../lib/cx";
import { Icon } from "./icon";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: (ids: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean | undefined;
  }) => ReactNode;
}

/** A label, its control, a hint and an error, wired together. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const describedBy = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": describedBy, "aria-invalid": error ? true : undefined })}
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-ink-3">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="text-xs font-medium text-fail">
          {error}
        </p>
      )}
    </div>
  );
}

/** A choice from a closed set, in a filter bar: the label is read, not seen. */
export function FilterSelect<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <label className="inline-flex items-center">
      <span className="sr-only">{label}</span>
      <select
        className="input w-auto min-w-32 pr-7"
        value={value}
        onChange={(event) => {
          const next = options.find(([option]) => option === event.target.value);
          if (next) onChange(next[0]);
        }}
      >
        {options.map(([option, word]) => (
          <option key={option} value={option}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The filter of a list. `/` puts the cursor here. */
export function SearchField({ label, className, ...rest }: ComponentProps<"input"> & { label: string }) {
  return (
    <div className={cx("relative min-w-0", className)}>
      <Icon
        name="search"
        size={14}
        className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-ink-3"
      />
      <input type="search" aria-label={label} placeholder={label} data-shortcut="/" className="input pl-8" {...rest} />
    </div>
  );
}
