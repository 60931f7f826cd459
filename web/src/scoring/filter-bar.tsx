import { getRouteApi } from "@tanstack/react-router";
import { cx } from "../lib/cx";
import { useFilterText } from "../lib/filter-text";
import { FilterSelect, SearchField } from "../ui/field";
import { Glyph } from "../ui/state";
import { stateCounts } from "./filter";
import { type Look, lookWord } from "./look";
import type { Posture } from "../api/types";

const route = getRouteApi("/sites/$siteId/");
const order = [
  "fail",
  "not_assessed",
  "stale",
  "pass",
  "not_applicable",
  "not_covered",
] as const satisfies readonly Look[];

/** State, machine and text; all of it in the address. */
export function FilterBar({ posture }: { posture: Posture }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const counts = stateCounts(posture.controls);
  const [text, setText] = useFilterText(search.q ?? "", (q) =>
    navigate({ search: ({ q: _, ...rest }) => (q ? { ...rest, q } : rest), replace: true, resetScroll: false }),
  );
  const setState = (state: (typeof order)[number] | undefined) =>
    navigate({
      search: ({ state: _, ...rest }) => (state ? { ...rest, state } : rest),
      replace: true,
      resetScroll: false,
    });

  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-hair px-3 py-2 print:hidden">
      <div role="group" aria-label="State" className="flex flex-wrap gap-1">
        <StateButton pressed={!search.state} onClick={() => setState(undefined)}>
          All <Count n={posture.controls.length} />
        </StateButton>
        {order
          .filter((look) => counts[look] || search.state === look)
          .map((look) => (
            <StateButton
              key={look}
              pressed={search.state === look}
              onClick={() => setState(search.state === look ? undefined : look)}
            >
              <Glyph look={look} size={12} />
              {lookWord[look]} <Count n={counts[look] ?? 0} />
            </StateButton>
          ))}
      </div>
      <div className="ml-auto flex min-w-0 flex-wrap items-center gap-2 max-sm:w-full">
        <AssetSelect posture={posture} />
        <SearchField
          label="Filter controls and checks"
          className="w-56 max-sm:w-full"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
    </div>
  );
}

function StateButton({
  pressed,
  onClick,
  children,
}: {
  pressed: boolean;
  onClick: () => void;
  children: React.ReactNode;
}) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      onClick={onClick}
      className={cx(
        "inline-flex h-7 items-center gap-1.5 rounded-md px-2 text-xs font-medium",
        pressed ? "bg-accent-soft text-ink ring-1 ring-accent" : "text-ink-2 hover:bg-inset",
      )}
    >
      {children}
    </button>
  );
}

const Count = ({ n }: { n: number }) => <span className="text-ink-3">{n}</span>;

/** Only where there is a choice; the choice stays when its machine has no check in this answer. */
function AssetSelect({ posture }: { posture: Posture }) {
  const { asset } = route.useSearch();
  const navigate = route.useNavigate();
  const names = new Map(
    posture.controls.flatMap((control) => control.checks.map((check) => [check.asset_id, check.asset_name] as const)),
  );
  if (asset && !names.has(asset)) names.set(asset, "Selected machine");
  if (names.size < 2 && !asset) return null;
  return (
    <FilterSelect
      label="Machine"
      value={asset ?? ""}
      options={[["", "All machines"], ...[...names].sort((a, b) => a[1].localeCompare(b[1]))]}
      onChange={(next) =>
        navigate({
          search: ({ asset: _, ...rest }) => (next ? { ...rest, asset: next } : rest),
          replace: true,
          resetScroll: false,
        })
      }
    />
  );
}
