import type { FormEvent, ReactNode } from "react";
import { Button } from "./button";

/** The form of a dialog: what goes wrong as a whole, and the two ways out at its foot. */
export function DialogForm({
  action,
  busy,
  disabledReason,
  danger = false,
  problem,
  onSubmit,
  onCancel,
  children,
}: {
  action: string;
  busy: boolean;
  disabledReason?: string | undefined;
  danger?: boolean;
  problem?: string | undefined;
  onSubmit: () => void;
  onCancel: () => void;
  children: ReactNode;
}) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy && !disabledReason) onSubmit();
  };
  return (
    <form className="grid gap-4 px-5 py-4" noValidate onSubmit={submit}>
      {children}
      {problem && (
        <p role="alert" className="font-medium text-fail">
          {problem}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look={danger ? "danger" : "primary"} busy={busy} disabledReason={disabledReason}>
          {action}
        </Button>
      </div>
    </form>
  );
}

/** A line of text with its label: the most common field. */
export function TextInput({
  ids,
  value,
  onChange,
  ...rest
}: {
  ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean | undefined };
  value: string;
  onChange: (value: string) => void;
} & Omit<React.ComponentProps<"input">, "value" | "onChange">) {
  return (
    <input
      autoComplete="off"
      {...ids}
      {...rest}
      className="input"
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
