import type { UseQueryResult } from "@tanstack/react-query";
import { ErrorNote } from "./error-note";
import { Field } from "./field";
import { RefreshNote } from "./query-view";

interface Props<T> {
  query: UseQueryResult<{ items: readonly T[]; complete?: boolean }>;
  what: string;
  label: string;
  value: string;
  error: string | undefined;
  optionName: (item: T) => string;
  onChange: (id: string) => void;
}

/** One of a list that the server has, with an empty choice first. It is there before its list, so that a form can begin with it. */
export function QuerySelect<T extends { id: string }>(props: Props<T>) {
  const { query, what, label, value, error, optionName, onChange } = props;
  const items = query.data?.items;
  const about =
    query.data?.complete === false
      ? "There are more than can be shown here."
      : items?.length === 0
        ? "There is none yet."
        : undefined;
  return (
    <>
      <Field label={label} error={error} hint={about}>
        {(ids) => (
          <select
            {...ids}
            className="input"
            aria-busy={query.isLoading}
            value={value}
            onChange={(event) => onChange(event.target.value)}
          >
            <option value="">{query.isLoading ? "Loading…" : "Choose…"}</option>
            {items?.map((item) => (
              <option key={item.id} value={item.id}>
                {optionName(item)}
              </option>
            ))}
          </select>
        )}
      </Field>
      {items === undefined && query.isError && (
        <ErrorNote error={query.error} what={what} onRetry={() => void query.refetch()} />
      )}
      <RefreshNote query={query} />
    </>
  );
}
