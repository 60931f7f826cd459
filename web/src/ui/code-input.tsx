import type { ComponentProps } from "react";
import { codeDigits } from "../auth/next-step";
import { cx } from "../lib/cx";

interface Props extends Omit<ComponentProps<"input">, "value" | "onChange"> {
  value: string;
  onChange: (digits: string) => void;
  /** All six are there. */
  onComplete: (digits: string) => void;
}

/** Six digits, typed or pasted in any spelling. */
export function CodeInput({ value, onChange, onComplete, className, ...rest }: Props) {
  return (
    <input
      {...rest}
      className={cx("input code-input", className)}
      inputMode="numeric"
      autoComplete="one-time-code"
      spellCheck={false}
      value={value}
      onChange={(event) => {
        const digits = codeDigits(event.target.value);
        onChange(digits);
        if (digits.length === 6 && digits !== value) onComplete(digits);
      }}
    />
  );
}
