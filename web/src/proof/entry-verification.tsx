/** The short form of a verification, for the panel behind a verdict: of the entry, and of what the panel says. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { count } from "../lib/format";
import { ErrorNote } from "../ui/error-note";
import { Digest } from "../ui/digest";
import { Fact, Facts } from "../ui/facts";
import { Icon } from "../ui/icon";
import { Bar } from "../ui/skeleton";
import type { EvidenceEntry } from "../api/types";
import { entryQuery } from "./queries";
import { decode } from "./statement";
import { Steps } from "./steps";
import { useVerification } from "./use-verification";
import type { Claim } from "./verification";

interface Props {
  siteId: string;
  index: number;
  claim: Claim;
}

export function EntryVerification({ siteId, index, claim }: Props) {
  const query = useQuery(entryQuery(siteId, index));
  return (
    <section aria-label="Evidence" className="border-t border-hair">
      {query.data ? (
        <Loaded siteId={siteId} index={index} entry={query.data} claim={claim} />
      ) : query.isError ? (
        <ErrorNote error={query.error} what="The evidence" onRetry={() => void query.refetch()} />
      ) : (
        <div className="grid gap-2 px-4 py-4" aria-busy="true">
          <Bar className="w-3/4" />
          <Bar className="w-1/2" />
        </div>
      )}
    </section>
  );
}

function Loaded({ siteId, index, entry, claim }: Props & { entry: EvidenceEntry }) {
  const verification = useVerification(siteId, index, entry, claim);
  const decoded = decode(entry.envelope_base64);
  const result = verification.data;
  return (
    <>
      <Facts>
        <Fact name="Measured by">
          {decoded?.predicate.appliance ? (
            <>
              appliance <code data-tip={decoded.predicate.appliance}>{decoded.predicate.appliance.slice(-8)}</code>
              ,{" "}
            </>
          ) : (
            "server, "
          )}
          key <Digest hex={entry.key.key_id} />
        </Fact>
        <Fact name="Entry">
          <Link to="/sites/$siteId/evidence/$index" params={{ siteId, index: String(index) }} className="link">
            {count(index)} of {count(entry.checkpoint.size)}
          </Link>
        </Fact>
      </Facts>
      {verification.isError && (
        <ErrorNote error={verification.error} what="The verification" onRetry={() => void verification.refetch()} />
      )}
      {result && (
        <div className="border-t border-hair">
          <p
            role="status"
            className={`flex items-center gap-2 px-4 pt-3 font-semibold ${result.ok ? "text-pass" : "text-fail"}`}
          >
            <Icon name={result.ok ? "evidence" : "incident"} />
            {result.ok ? "Verified in this browser" : "This evidence cannot be relied on"}
          </p>
          <Steps steps={result.steps} compact />
        </div>
      )}
    </>
  );
}
