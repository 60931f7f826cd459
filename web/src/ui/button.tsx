import { type ComponentProps, type ReactNode, useId, useState } from "react";
import { cx } from "../lib/cx";
import { Icon, type IconName } from "./icon";

type Look = "plain" | "primary" | "danger" | "quiet";

const looks: Record<Look, string> = { plain: "", primary: "btn-primary", danger: "btn-danger", quiet: "btn-quiet" };

interface ButtonProps extends Omit<ComponentProps<"button">, "disabled"> {
  look?: Look;
  icon?: IconName;
  /** Why the action is not possible now. The button can still be focused, and says so. */
  disabledReason?: string | undefined;
  busy?: boolean;
}

export function Button({
  look = "plain",
  icon,
  disabledReason,
  busy = false,
  className,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  const reasonId = useId();
  const off = busy || disabledReason !== undefined;
  return (
    <>
      <button
        type="button"
        {...rest}
        className={cx("btn", looks[look], className)}
        aria-disabled={off || undefined}
        aria-busy={busy || undefined}
        aria-describedby={disabledReason ? reasonId : rest["aria-describedby"]}
        data-tip={disabledReason ?? rest["data-tip" as keyof typeof rest]}
        onClick={(event) => {
          if (off) event.preventDefault();
          else onClick?.(event);
        }}
      >
        {icon && <Icon name={icon} size={14} />}
        {children}
      </button>
      {disabledReason && (
        <span id={reasonId} className="sr-only">
          Not possible: {disabledReason}
        </span>
      )}
    </>
  );
}

/** Copies a text and says so, for eyes and for screen readers. */
export function CopyButton({
  text,
  label = "Copy",
  className,
}: {
  text: string;
  label?: ReactNode;
  className?: string;
}) {
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setState("done");
    } catch {
      setState("failed");
    }
    setTimeout(() => setState("idle"), 2000);
  }
  return (
    <button type="button" className={cx("btn", className)} onClick={copy}>
      <Icon name={state === "done" ? "check" : "copy"} size={14} />
      <span aria-live="polite">
        {state === "done" ? "Copied" : state === "failed" ? "Select and copy by hand" : label}
      </span>
    </button>
  );
}
