import { useEffect, useState } from "react";

/** Seconds left of a wait that began when `total` first appeared; 0 when over or not given. */
export function useCountdown(total: number | undefined): number {
  const [left, setLeft] = useState(total ?? 0);
  useEffect(() => {
    if (!total) return setLeft(0);
    const until = Date.now() + total * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [total]);
  return left;
}
