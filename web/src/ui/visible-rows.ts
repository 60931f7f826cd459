/** Which rows of a long list are in the document. */

import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useLayoutEffect, useState } from "react";

export interface VisibleRow {
  index: number;
}

/** All of them. */
export function usePlainRows(count: number) {
  return { rows: Array.from({ length: count }, (_, index) => ({ index })), before: 0, after: 0 };
}

/** Those near the window, with the space that the others would take. */
export function useVirtualRows(body: RefObject<HTMLElement | null>, count: number, rowHeight: number) {
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const top = body.current?.getBoundingClientRect().top;
    if (top !== undefined) setOffset(top + window.scrollY);
  }, [body]);
  const virtualizer = useWindowVirtualizer({
    count,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: offset,
  });
  const items = virtualizer.getVirtualItems();
  return {
    rows: items,
    before: (items[0]?.start ?? offset) - offset,
    after: virtualizer.getTotalSize() - ((items.at(-1)?.end ?? offset) - offset),
    measure: virtualizer.measureElement,
  };
}
