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

/** Rows at most of a list that is had as a whole: no person chooses from more. */
const mostRows = 2_000;

/** What there is to choose from; `complete` is false where there are more than one can choose from. */
export interface Whole<T> {
  items: T[];
  complete: boolean;
}

/** Every page of a list, one after the other: to choose from, or to count. */
export async function allPages<T extends { id: string }>(
  ask: (at: { limit: number; cursor: string }) => Promise<PageOf<T> & { next_cursor?: string | null }>,
): Promise<Whole<T>> {
  const limit = 200;
  const pages: PageOf<T>[] = [];
  let cursor = "";
  do {
    const page = await ask({ limit, cursor });
    pages.push(page);
    cursor = page.next_cursor ?? "";
  } while (cursor && pages.length < mostRows / limit);
  return { items: flatten({ pages, pageParams: [] }), complete: cursor === "" };
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
