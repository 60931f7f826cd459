import { Link } from "@tanstack/react-router";
import { cx } from "../lib/cx";
import { count } from "../lib/format";
import { Empty } from "../ui/empty";
import { Icon } from "../ui/icon";
import { Severity } from "../ui/severity";
import { Glyph } from "../ui/state";
import { Time } from "../ui/time";
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Attention } from "../api/types";
import type { Level } from "../auth/roles";
import { attentionWords, overviewWords } from "./words";

const shownAtFirst = 7;

/** The most urgent of everything that needs somebody; the end of the list says how much there is besides. */
export function AttentionList({ items, total, level }: { items: Attention[]; total: number; level: Level }) {
  const [all, setAll] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  // The button is gone: on with the first of the rows that it brought.
  useEffect(() => {
    if (all) list.current?.querySelectorAll<HTMLElement>("[data-row-link]")[shownAtFirst]?.focus();
  }, [all]);
  if (items.length === 0)
    return (
      <Empty title="Nothing needs you now">
        Incidents that a person must decide, silent appliances and what could not be measured appear here.
      </Empty>
    );
  const shown = all ? items : items.slice(0, shownAtFirst);
  const { proof } = overviewWords[level];
  const rows = shown.map((item) => ({ item, words: attentionWords(item, level) }));
  return (
    <>
      {proof && <p className="border-b border-hair px-4 py-2 text-xs text-ink-2">{proof}</p>}
      <ul ref={list} className="divide-y divide-hair">
        {rows.map(({ item, words }) => (
          <li
            key={`${item.kind} ${item.incident_id ?? ""} ${item.site_id} ${item.title}`}
            className="group relative grid grid-cols-[1.25rem_minmax(0,1fr)_auto] items-start gap-x-3 px-4 py-2.5 focus-within:bg-inset hover:bg-inset"
          >
            <span className="mt-0.5">{marks[item.kind] ?? marks.incident}</span>
            <div className="min-w-0">
              <p>
                <Target item={item} before={words.before} />
              </p>
              <p className="text-ink-2">
                {item.site_name}
                <span className="text-ink-3"> · {words.detail}</span>
              </p>
            </div>
            <div className="grid justify-items-end gap-0.5 text-xs text-ink-3 max-sm:col-start-2 max-sm:grid-flow-col max-sm:justify-start max-sm:gap-3 max-sm:pt-1">
              <Severity value={item.severity} />
              <Time at={item.since} since />
            </div>
          </li>
        ))}
      </ul>
      {shown.length < items.length && (
        <button
          type="button"
          className="w-full border-t border-hair py-2 text-xs font-medium text-accent -outline-offset-2 hover:bg-inset"
          onClick={() => setAll(true)}
        >
          {items.length - shown.length} more
        </button>
      )}
      {items.length < total && (
        <p className="border-t border-hair px-4 py-2 text-xs text-ink-2">
          {count(shown.length)} of {count(total)}.{" "}
          <Link to="/incidents" className="link">
            All open incidents
          </Link>
        </p>
      )}
    </>
  );
}

const box = "grid size-5 place-items-center rounded-md";

/** What kind of attention, as a shape; the title says the same in words. */
const marks: Record<string, ReactNode> = {
  incident: <Glyph look="fail" size={18} />,
  escalated: (
    <span className={cx(box, "bg-fail-soft text-fail")}>
      <Icon name="user" size={13} />
    </span>
  ),
  awaiting_approval: (
    <span className={cx(box, "bg-accent-soft text-accent")}>
      <Icon name="check" size={13} />
    </span>
  ),
  unmeasured: <Glyph look="unknown" size={18} />,
  offline: <Glyph look="stale" size={18} />,
};

function Target({ item, before }: { item: Attention; before: string }) {
  const words = (
    <>
      <span className="font-medium text-ink-2">{before}</span>
      {item.title}
    </>
  );
  const style = "font-semibold after:absolute after:inset-0";
  if (item.incident_id) {
    return (
      <Link to="/incidents/$incidentId" params={{ incidentId: item.incident_id }} data-row-link="" className={style}>
        {words}
      </Link>
    );
  }
  return (
    <Link to="/sites/$siteId" params={{ siteId: item.site_id }} data-row-link="" className={style}>
      {words}
    </Link>
  );
}
