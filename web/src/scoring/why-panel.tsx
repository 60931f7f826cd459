/**
 * "Why is this green?": who measured it, when, which value, and the signed entry behind it,
 * verified in this browser. The same panel answers for every other state.
 */

import { Link } from "@tanstack/react-router";
import { count } from "../lib/format";
import { EntryVerification } from "../proof/entry-verification";
import { Fact, Facts } from "../ui/facts";
import { Severity } from "../ui/severity";
import { StateChip } from "../ui/state";
import { Time } from "../ui/time";
import { lookMeaning, lookOfCheck, lookOfControl, lookWord } from "./look";
import { controlWord, partUnrecorded } from "./measured";
import type { PostureCheck, PostureControl } from "../api/types";

const strengthWord: Record<string, string> = {
  full: "It proves the control on its own",
  partial: "It proves a part of the control",
  supporting: "It supports the control",
};

export function WhyPanel({ siteId, check, control }: { siteId: string; check: PostureCheck; control: PostureControl }) {
  const look = lookOfCheck(check.verdict, check.freshness);
  const confirmedIndex = check.confirmed_index ?? check.entry_index;
  return (
    <>
      <Facts>
        <Fact name="Verdict">
          <StateChip look={look} />
          {look === "stale" && <> was {lookWord[lookOfCheck(check.verdict, "fresh")].toLowerCase()}</>}
          {look !== "pass" && <p className="mt-1 text-ink-2">{lookMeaning[look]}</p>}
        </Fact>
        {check.since && (
          <Fact name="Held">
            <Time at={check.since} since focusable />
            <span className="block text-xs text-ink-3">
              As this server keeps it. What is verified below is the entry that confirms it.
            </span>
          </Fact>
        )}
        <Fact name="Confirmed">
          <Time at={check.last_confirmed_at} focusable />
          {confirmedIndex != null && (
            <>
              {" by "}
              <Link
                to="/sites/$siteId/evidence/$index"
                params={{ siteId, index: String(confirmedIndex) }}
                className="link"
              >
                entry {count(confirmedIndex)}
              </Link>
            </>
          )}
        </Fact>
        {check.reason && <Fact name="Reason">{check.reason}</Fact>}
        <Fact name="Observed">
          {check.observed ? <code>{check.observed}</code> : <span className="text-ink-3">nothing</span>}
        </Fact>
        <Fact name="Expected">
          <code>{check.expected}</code>
        </Fact>
        <Fact name="Machine">{check.asset_name}</Fact>
        <Fact name="Severity">
          <Severity value={check.severity} />
        </Fact>
        <Fact name="Control">
          {control.plain_title}
          <span className="block text-xs text-ink-3">
            {control.id} {control.title}. {strengthWord[check.strength]}.
          </span>
          {control.coverage_kind === "hybrid" && (
            <div className="mt-1.5 grid justify-items-start gap-1">
              <StateChip look={lookOfControl(control.state)}>{controlWord(control)}</StateChip>
              <p className="text-ink-2">
                {control.coverage_reason} {partUnrecorded}
              </p>
            </div>
          )}
        </Fact>
        <Fact name="Check">
          <code>{check.check_id}</code>
          {" · "}
          <Link to="/sites/$siteId/evidence" params={{ siteId }} search={{ check: check.check_id }} className="link">
            all its evidence
          </Link>
        </Fact>
      </Facts>
      {check.entry_index == null ? (
        <p className="border-t border-hair px-4 py-3 text-ink-2">There is no signed entry behind this yet.</p>
      ) : (
        <EntryVerification
          siteId={siteId}
          index={check.entry_index}
          claim={{
            assetId: check.asset_id,
            checkId: check.check_id,
            verdict: check.verdict,
            expected: check.expected,
            observed: check.observed,
            confirmedAt: check.last_confirmed_at ?? null,
            confirmedIndex: confirmedIndex ?? check.entry_index,
          }}
        />
      )}
    </>
  );
}
