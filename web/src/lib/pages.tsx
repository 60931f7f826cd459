/** Lists that come page by page (keyset cursors). */

import { hashKey, type InfiniteData, type QueryKey, type UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorNote } from "../ui/error-note";

interface PageOf<T> {
  items: T[];
}

/** All rows so far, each once: a row that moved between two pages keeps its first place. */
export function flatten<T extends { id: string } | { index: number }>(data: InfiniteData<PageOf<T>, unknown>): T[] {
  const seen = new Set<string | number>();
  return data.pages.flatMap((page) =>
    page.items.filter((item) => {
      const key = "id" in item ? item.id : item.index;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    }),
  );
}

const unsorted = (key: QueryKey) =>
  hashKey(key.map((part) => (typeof part === "object" && part !== null ? { ...part, sort: undefined } : part)));

/**
 * As `placeholderData`: the same rows stay until they are there in the order asked for, and with them the button that
 * asked. Of another filter nothing stays.
 */
export const untilReordered =
  (key: QueryKey) =>
  <T,>(previous: T | undefined, query: { queryKey: QueryKey } | undefined): T | undefined =>
    query && unsorted(query.queryKey) === unsorted(key) ? previous : undefined;

/** What a table needs to ask for more. */
export function pagesOf(
  query: Pick<
    UseInfiniteQueryResult,
    "hasNextPage" | "isFetchingNextPage" | "isFetchNextPageError" | "fetchNextPage" | "error"
  >,
): {
  has: boolean;
  loading: boolean;
  load: () => void;
  failed?: ReactNode;
} {
  const load = () => void query.fetchNextPage();
  return {
    has: query.hasNextPage,
    loading: query.isFetchingNextPage,
    load,
    failed: query.isFetchNextPageError ? <ErrorNote error={query.error} what="More rows" onRetry={load} /> : undefined,
  };
}
