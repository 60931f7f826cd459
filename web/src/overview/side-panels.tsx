import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { count } from "../lib/format";
import { presenceWord, PresenceGlyph } from "../appliances/presence";
import type { Overview } from "../api/types";
import type { Words } from "./words";

function Rows({ children }: { children: ReactNode }) {
  return <ul className="grid px-4 py-2">{children}</ul>;
}

function Row({ name, value, glyph }: { name: ReactNode; value: number; glyph?: ReactNode }) {
  return (
    <li className="flex items-center gap-2.5 py-1">
      {glyph}
      <span className="text-ink-2">{name}</span>
      <span className="ml-auto font-semibold">{count(value)}</span>
    </li>
  );
}

/** What healed by itself, what did not, and what waits for a person. */
export function Healing({
  overview: { healing_24h: healing },
  words,
}: {
  overview: Overview;
  words: Words["healing"];
}) {
  return (
    <Rows>
      <Row name={words.resolved} value={healing.l1_resolved} />
      <Row name={words.notEffective} value={healing.l1_not_effective} />
      <Row name={words.escalated} value={healing.escalated} />
      <Row
        name={
          <Link to="/incidents" search={{ state: "awaiting_approval" }} className="link">
            {words.awaiting}
          </Link>
        }
        value={healing.awaiting_approval}
      />
    </Rows>
  );
}

export function Presence({ counts }: { counts: Overview["counts"] }) {
  const rows = [
    ["online", counts.appliances_online],
    ["stale", counts.appliances_stale],
    ["offline", counts.appliances_offline],
    ["pending", counts.appliances_pending],
  ] as const;
  return (
    <Rows>
      {rows.map(([status, n]) => (
        <Row
          key={status}
          glyph={<PresenceGlyph status={status} />}
          value={n}
          name={
            <Link to="/appliances" search={{ status }} className="link">
              {presenceWord[status]}
            </Link>
          }
        />
      ))}
    </Rows>
  );
}
