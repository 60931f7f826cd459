/**
 * The three faces of a query: not there yet, there, failed. A failure is never shown as an empty
 * list, and old data whose refresh failed says so.
 */

import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { wordsFor } from "../api/error-words";
import { cx } from "../lib/cx";
import { Boundary } from "./boundary";
import { ErrorNote } from "./error-note";
import { Icon } from "./icon";
import { Time } from "./time";

interface Props<T> {
  query: UseQueryResult<T>;
  what: string;
  skeleton: ReactNode;
  /** One of several of the same answer: the page says once, by `RefreshNote`, that it could not be had again. */
  shared?: boolean;
  children: (data: T) => ReactNode;
}

export function QueryView<T>({ query, what, skeleton, shared = false, children }: Props<T>) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    if (query.isError) return <ErrorNote error={query.error} what={what} onRetry={retry} />;
    return (
      <div aria-busy="true">
        <span className="sr-only" role="status">
          Loading {what.toLowerCase()}
        </span>
        <div aria-hidden="true">{skeleton}</div>
      </div>
    );
  }
  const { data } = query;
  return (
    <Boundary what={what} resetKey={query.dataUpdatedAt} onRetry={retry}>
      {!shared && <RefreshNote query={query} />}
      <Content data={data} render={children} />
    </Boundary>
  );
}

/** Renders inside the boundary, so that a malformed answer is caught there. */
function Content<T>({ data, render }: { data: T; render: (data: T) => ReactNode }) {
  return render(data);
}

/** Says that what is shown is old, because asking again failed. */
export function RefreshNote({ query, className }: { query: UseQueryResult; className?: string }) {
  if (!query.isRefetchError) return null;
  return (
    <p
      role="alert"
      className={cx(
        "flex flex-wrap items-center gap-2 border-b border-hair bg-stale-soft px-4 py-2 text-xs text-stale",
        className,
      )}
    >
      <Icon name="clock" size={14} />
      <span className="flex-1">
        {wordsFor(query.error).title}. What you see is from <Time at={new Date(query.dataUpdatedAt).toISOString()} />.
      </span>
      <button type="button" className="underline underline-offset-2" onClick={() => void query.refetch()}>
        Try again
      </button>
    </p>
  );
}
