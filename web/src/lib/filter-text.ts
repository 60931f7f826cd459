import { useEffect, useRef, useState } from "react";

const settleMs = 250;

/** A text field whose value goes into the address a moment after the last key. */
export function useFilterText(value: string, commit: (value: string) => void): [string, (value: string) => void] {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const sent = useRef(value);

  // The address changed by other means: back, forward, a link.
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);

  function change(next: string) {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = next.trim();
      commit(next.trim());
    }, settleMs);
  }
  return [text, change];
}
