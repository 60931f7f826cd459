import { useState } from "react";
import { cx } from "../lib/cx";
import { humanise, plural } from "../lib/format";
import { Icon } from "../ui/icon";
import { Severity } from "../ui/severity";
import { Glyph, StateChip } from "../ui/state";
import { Time } from "../ui/time";
import { byFamily } from "./families";
import { lookOfCheck, lookOfControl, lookWord } from "./look";
import { controlWord, partUnrecorded, unrecorded } from "./measured";
import type { PostureCheck, PostureControl } from "../api/types";

interface Props {
  controls: readonly PostureControl[];
  selected: PostureCheck | undefined;
  onSelect: (check: PostureCheck) => void;
}

/** Controls under their section; each opens to the checks behind it. */
export function ControlList({ controls, selected, onSelect }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string) =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  return byFamily(controls).map((family) => (
    <section key={family.section} aria-label={family.title} className="border-b border-line last:border-0">
      <h3 className="flex flex-wrap items-baseline gap-x-2 bg-ground px-4 py-1.5 text-xs text-ink-2">
        {family.title}
        <span className="font-normal text-ink-3">{family.plain}</span>
      </h3>
      <ul className="divide-y divide-hair">
        {family.controls.map((control) => (
          <ControlRow
            key={control.id}
            control={control}
            open={open.has(control.id) || (selected !== undefined && control.checks.includes(selected))}
            selected={selected}
            onToggle={() => toggle(control.id)}
            onSelect={onSelect}
          />
        ))}
      </ul>
    </section>
  ));
}

interface RowProps {
  control: PostureControl;
  open: boolean;
  selected: PostureCheck | undefined;
  onToggle: () => void;
  onSelect: (check: PostureCheck) => void;
}

function ControlRow({ control, open, selected, onToggle, onSelect }: RowProps) {
  const look = lookOfControl(control.state);
  const id = `control-${control.id}`;
  return (
    <li>
      <button
        type="button"
        aria-expanded={open}
        aria-controls={id}
        data-row-link=""
        onClick={onToggle}
        className="grid w-full grid-cols-[1rem_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-2 text-left -outline-offset-2 hover:bg-inset"
      >
        <Icon name="right" size={12} className={cx("text-ink-3 transition-transform", open && "rotate-90")} />
        <span className="min-w-0">
          <span className="font-semibold">{control.plain_title}</span>
          <span className="block text-xs text-ink-3">
            {control.id} {control.title}
            <span className="max-sm:hidden"> · {control.kind}</span>
          </span>
          {control.coverage_kind === "hybrid" && (
            <span className="block text-xs text-ink-2">{control.coverage_reason}</span>
          )}
        </span>
        <span className="flex items-center gap-4">
          <span className="text-xs text-ink-3 max-md:hidden">{tally(control)}</span>
          <span className="sm:w-40">
            <StateChip look={look}>{controlWord(control)}</StateChip>
          </span>
        </span>
      </button>
      {open && (
        <div id={id} className="bg-ground">
          {control.checks.length === 0 ? (
            <NoChecks control={control} />
          ) : (
            <>
              {control.coverage_kind === "hybrid" && (
                <p className="px-4 pb-2 pl-11 text-xs text-ink-2">{partUnrecorded}</p>
              )}
              <Checks checks={control.checks} selected={selected} onSelect={onSelect} />
            </>
          )}
        </div>
      )}
    </li>
  );
}

const coverageWords: Record<string, string> = {
  automated: "Measured automatically",
  hybrid: "Measured in part",
  attestation: "To be stated by a person",
  not_covered: "Not covered",
};

const coverageWord = (kind: string): string => coverageWords[kind] ?? humanise(kind);

/** How many of its checks pass: a fact beside the verdict, never instead of it. */
function tally({ checks, coverage_kind }: PostureControl): string {
  if (checks.length === 0) return coverageWord(coverage_kind).toLowerCase();
  const looks = checks
    .map((check) => lookOfCheck(check.verdict, check.freshness))
    .filter((look) => look !== "not_applicable");
  if (looks.length === 0) return "no check applies";
  const passing = looks.filter((look) => look === "pass").length;
  return `${passing} of ${plural(looks.length, "check")} ${looks.length === 1 ? "passes" : "pass"}`;
}

function NoChecks({ control }: { control: PostureControl }) {
  return (
    <p className="px-4 py-3 pl-11 text-ink-2">
      <strong className="font-semibold">{coverageWord(control.coverage_kind)}.</strong> {control.coverage_reason}
      {control.coverage_kind === "attestation" && ` ${unrecorded}`}
    </p>
  );
}

function Checks({
  checks,
  selected,
  onSelect,
}: {
  checks: readonly PostureCheck[];
  selected: PostureCheck | undefined;
  onSelect: (check: PostureCheck) => void;
}) {
  return (
    <ul className="divide-y divide-hair border-t border-hair">
      {checks.map((check) => {
        const look = lookOfCheck(check.verdict, check.freshness);
        const current = check === selected;
        return (
          <li key={`${check.check_id} ${check.asset_id}`}>
            <button
              type="button"
              data-row-link=""
              aria-pressed={current}
              onClick={() => onSelect(check)}
              className={cx(
                "grid w-full grid-cols-[1rem_minmax(0,1fr)_auto] items-center gap-x-3 py-1.5 pr-4 pl-11 text-left -outline-offset-2 hover:bg-inset sm:grid-cols-[1rem_minmax(0,1fr)_7rem_6rem_minmax(5.5rem,auto)]",
                current && "bg-accent-soft",
              )}
            >
              <Glyph look={look} size={14} />
              <span className="min-w-0">
                {check.title}
                <span className="sr-only">: {lookWord[look]}</span>
                <span className="block truncate text-xs text-ink-3">
                  {look === "fail" ? (
                    <>
                      found <code>{check.observed || "nothing"}</code>, expected <code>{check.expected}</code>
                    </>
                  ) : (
                    check.reason || check.observed || lookWord[look]
                  )}
                </span>
              </span>
              <span className="truncate text-ink-2 max-sm:hidden">{check.asset_name}</span>
              <span className="text-xs max-sm:hidden">
                <Severity value={check.severity} />
              </span>
              <span className="text-right text-xs text-ink-3">
                <Time at={check.last_confirmed_at} />
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
