import { Link } from "@tanstack/react-router";
import { Fragment, type ReactNode } from "react";
import { cx } from "../lib/cx";
import { lookOfCheck } from "../scoring/look";
import { count, humanise } from "../lib/format";
import { Digest } from "../ui/digest";
import { Fact, Facts } from "../ui/facts";
import { StateChip } from "../ui/state";
import { Time } from "../ui/time";
import type { Body, ObservedResult, Predicate } from "./statement";

/** A statement in words: who says it, about what, and what. */
export function StatementView({ siteId, predicate }: { siteId: string; predicate: Predicate }) {
  return (
    <>
      <Facts>
        <Fact name="Said by">{predicate.appliance ? <code>{predicate.appliance}</code> : "the server"}</Fact>
        {predicate.asset && (
          <Fact name="About">
            <code>{predicate.asset}</code>
          </Fact>
        )}
        <Fact name="Measured">
          <Time at={predicate.ended} focusable />
          {predicate.clock_offset_ms !== null && (
            <span className="text-ink-3">, clock off by {predicate.clock_offset_ms} ms</span>
          )}
        </Fact>
        <Fact name="Catalogue">
          <Digest hex={predicate.catalogue} />
        </Fact>
        <Fact name="Follows">
          {/^0+$/.test(predicate.prev) ? "nothing: the first of this signer" : <Digest hex={predicate.prev} />}
        </Fact>
      </Facts>
      <div className="border-t border-hair">
        <BodyView siteId={siteId} body={predicate.body} />
      </div>
    </>
  );
}

function BodyView({ siteId, body }: { siteId: string; body: Body }): ReactNode {
  switch (body.kind) {
    case "check_run":
      return <Results results={body.results} state={body.state} />;
    case "heal":
      return (
        <>
          <Facts>
            <Fact name="Check">
              <code>{body.check}</code>
            </Fact>
            <Fact name="Outcome">{humanise(body.outcome)}</Fact>
            <Fact name="Runbook">
              <code>{body.runbook}</code>
            </Fact>
            {body.rule && (
              <Fact name="Rule">
                <code>{body.rule}</code>
              </Fact>
            )}
            <Fact name="Decided by">{body.actor === "l1" ? "a signed rule" : body.actor}</Fact>
            <Fact name="Steps">{body.steps.map(({ step, outcome }) => `${step}: ${outcome}`).join(", ")}</Fact>
            {body.rollback && (
              <Fact name="Rollback">
                <code>{body.rollback}</code>
              </Fact>
            )}
          </Facts>
          <Results
            results={[
              { ...body.before, check: "before" },
              { ...body.after, check: "after" },
            ]}
            state={null}
          />
        </>
      );
    case "heartbeat":
      return (
        <Facts>
          <Fact name="Says">
            Nothing changed since{" "}
            <Link to="/sites/$siteId/evidence" params={{ siteId }} className="link">
              sequence {count(body.unchanged_since)}
            </Link>
          </Fact>
          <Fact name="State">
            <Digest hex={body.state} />
          </Fact>
        </Facts>
      );
    case "gap":
      return (
        <Facts>
          <Fact name="Lost">
            sequence {count(body.first_seq)} to {count(body.last_seq)}
          </Fact>
          <Fact name="From">
            <Time at={body.from} focusable />
          </Fact>
          <Fact name="To">
            <Time at={body.to} focusable />
          </Fact>
          <Fact name="Reason">{body.reason}</Fact>
        </Facts>
      );
    case "attestation":
      return (
        <Facts>
          <Fact name="States">{body.statement}</Fact>
          <Fact name="By">{body.by}</Fact>
        </Facts>
      );
    case "incident":
      return (
        <Facts>
          <Fact name="Incident">
            <Link to="/incidents/$incidentId" params={{ incidentId: body.incident }} className="link">
              {body.check}
            </Link>
          </Fact>
          <Fact name="Step">
            {body.from === body.to ? "Stays " : body.from ? `${humanise(body.from)} to ` : ""}
            {humanise(body.to).toLowerCase()}
          </Fact>
          <Fact name="By">{body.actor}</Fact>
          <Fact name="Cause">{body.cause}</Fact>
        </Facts>
      );
    case "key":
      return (
        <Facts>
          <Fact name="Key">
            <Digest hex={body.key_id} /> {body.action}
          </Fact>
          <Fact name="Role">{humanise(body.role)}</Fact>
          {body.holder && (
            <Fact name="Holder">
              <code>{body.holder}</code>
            </Fact>
          )}
          <Fact name="Reason">{body.reason}</Fact>
        </Facts>
      );
    case "server_fact":
      return (
        <Facts>
          <Fact name="Fact">{humanise(body.fact)}</Fact>
          <Fact name="About">
            <code>{body.subject_id}</code>
          </Fact>
          <Fact name="By">
            <code>{body.actor}</code>
          </Fact>
          {body.detail && <Fact name="Detail">{body.detail}</Fact>}
        </Facts>
      );
    default:
      return (
        <p className="px-4 py-3 text-ink-2">
          A kind of statement that this version does not know. It is below as it was signed.
        </p>
      );
  }
}

/**
 * Results as the signer stated them at that time; whether they are still fresh is another question. Nothing of them may be
 * cut off: the columns share the width that there is, and where that is little a result becomes a card. Roles are spelled
 * out because changing `display` would drop them.
 */
function Results({ results, state }: { results: readonly ObservedResult[]; state: string | null }) {
  return (
    <>
      <div className="@container border-hair not-first:border-t">
        <table
          role="table"
          aria-label="Results"
          className="w-full table-fixed text-left [overflow-wrap:anywhere] @max-xl:block"
        >
          <thead role="rowgroup" className="@max-xl:hidden">
            <tr role="row" className="text-xs text-ink-3">
              <th role="columnheader" scope="col" className="h-9 w-[30%] px-4 font-medium">
                Check
              </th>
              <th role="columnheader" scope="col" className="w-36 px-3 font-medium">
                Verdict
              </th>
              <th role="columnheader" scope="col" className="px-3 font-medium">
                Observed
              </th>
              <th role="columnheader" scope="col" className="px-4 font-medium">
                Expected
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup" className="@max-xl:block">
            {results.map((result, i) => (
              <tr
                key={result.check ?? i}
                role="row"
                className="border-t border-hair align-top @max-xl:grid @max-xl:grid-cols-[minmax(0,1fr)_auto] @max-xl:gap-x-3 @max-xl:gap-y-1 @max-xl:px-4 @max-xl:py-3 @max-xl:first:border-0"
              >
                <th role="rowheader" scope="row" className="px-4 py-1.5 font-normal @max-xl:p-0">
                  <CheckId id={result.check} />
                </th>
                <td role="cell" className="px-3 py-1.5 @max-xl:p-0">
                  <StateChip look={lookOfCheck(result.verdict, "fresh")} />
                </td>
                <td role="cell" className={cx("px-3 py-1.5", onCard)}>
                  <CardLabel>Observed</CardLabel>
                  <div>
                    <code>{result.observed}</code>
                    {result.reason && <span className="block text-xs text-ink-3">{result.reason}</span>}
                  </div>
                </td>
                <td role="cell" className={cx("px-4 py-1.5 text-ink-2", onCard)}>
                  <CardLabel>Expected</CardLabel>
                  <code>{result.expected}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {state && (
        <p className="border-t border-hair px-4 py-2 text-xs text-ink-3">
          Digest of the whole state: <Digest hex={state} />
        </p>
      )}
    </>
  );
}

/** A check's id, which breaks behind a dot where it has to. */
function CheckId({ id }: { id: string | undefined }) {
  return (
    <code>
      {id?.split(/(?<=\.)/).map((part, i) => (
        <Fragment key={i}>
          {i > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </code>
  );
}

/** A value on a card: a line of its own, behind the name of its column. */
const onCard =
  "@max-xl:col-span-2 @max-xl:grid @max-xl:grid-cols-[4.5rem_minmax(0,1fr)] @max-xl:items-baseline @max-xl:p-0";

function CardLabel({ children }: { children: string }) {
  return (
    <span aria-hidden="true" className="text-xs text-ink-3 @xl:hidden">
      {children}
    </span>
  );
}
