import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { rfc3339, toLocalInput } from "../lib/time";

const route = getRouteApi("/sites/$siteId/");

/** Chooses the moment that the posture is shown for. Empty is now. */
export function AsOf({ value }: { value: string | undefined }) {
  const navigate = route.useNavigate();
  const set = (asOf: string | undefined) =>
    void navigate({ search: ({ as_of: _, ...rest }) => (asOf ? { ...rest, as_of: asOf } : rest), resetScroll: false });
  const [future, setFuture] = useState(false);
  return (
    <>
      {future && (
        <p role="status" className="text-xs text-stale">
          The future is not known: shown as of now.
        </p>
      )}
      <label className="flex items-center gap-2 text-ink-2">
        As of
        <input
          type="datetime-local"
          className="input w-auto py-0"
          value={value ? toLocalInput(Date.parse(value)) : ""}
          max={toLocalInput(Date.now())}
          onChange={(event) => {
            const at = event.target.value ? new Date(event.target.value).getTime() : Number.NaN;
            const now = Date.now();
            setFuture(at > now);
            set(Number.isNaN(at) ? undefined : rfc3339(Math.min(at, now)));
          }}
        />
      </label>
      {value && (
        <button
          type="button"
          className="btn"
          onClick={() => {
            setFuture(false);
            set(undefined);
          }}
        >
          Back to now
        </button>
      )}
    </>
  );
}
