import { type ReactNode, useEffect, useRef } from "react";
import { cx } from "../lib/cx";
import { Icon } from "../ui/icon";

interface Props {
  number: number;
  current: number;
  title: string;
  hint: string;
  /** What was chosen, once it is. */
  answer?: string | undefined;
  onChange?: (() => void) | undefined;
  children: ReactNode;
}

/** One step: done (its answer), current (its form) or still to come (its name). */
export function WizardStep({ number, current, title, hint, answer, onChange, children }: Props) {
  const state = number < current ? "done" : number === current ? "current" : "later";
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(state);
  // What had the focus is gone with the step before; whoever only arrives at the page keeps theirs.
  useEffect(() => {
    if (state === "current" && before.current !== "current") heading.current?.focus();
    before.current = state;
  }, [state]);
  return (
    <li className="panel" aria-current={state === "current" ? "step" : undefined}>
      <div className={cx("flex min-h-12 items-center gap-3 px-4 py-2", state === "current" && "border-b border-hair")}>
        <span
          aria-hidden="true"
          className={cx(
            "grid size-6 shrink-0 place-items-center rounded-full text-xs font-semibold",
            state === "done" && "bg-pass-soft text-pass",
            state === "current" && "bg-accent text-on-accent",
            state === "later" && "border border-line text-ink-3",
          )}
        >
          {state === "done" ? <Icon name="check" size={12} /> : number}
        </span>
        <h2 ref={heading} tabIndex={-1} className={cx("text-sm", state === "later" && "text-ink-3")}>
          {title}
        </h2>
        <span className={cx("min-w-0 truncate", state === "done" ? "text-ink" : "text-ink-3")}>
          {state === "done" ? (answer ?? "…") : hint}
        </span>
        {state === "done" && onChange && (
          <button type="button" className="link ml-auto text-xs" onClick={onChange}>
            Change<span className="sr-only"> {title.toLowerCase()}</span>
          </button>
        )}
      </div>
      {state === "current" && <div className="px-4 py-4">{children}</div>}
    </li>
  );
}
