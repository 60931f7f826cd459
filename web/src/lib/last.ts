import { useState } from "react";

/**
 * The value, or the last one there was: a sheet closes with what it showed. Taken away at once instead, it would give the
 * focus back to nobody.
 */
export function useLast<T>(value: T | undefined): T | undefined {
  const [last, setLast] = useState(value);
  if (value !== undefined && value !== last) setLast(value);
  return value ?? last;
}
