import { type QueryClient, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { count, humanise } from "../lib/format";
import { siteQuery } from "../tenants/queries";
import { Chip } from "../ui/chip";
import { Crumbs } from "../ui/crumbs";
import { Digest } from "../ui/digest";
import { ErrorNote } from "../ui/error-note";
import { Fact, Facts } from "../ui/facts";
import { Icon } from "../ui/icon";
import { PageHead } from "../ui/page-head";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { Downloads } from "./downloads";
import { kindOf } from "./kinds";
import type { EvidenceEntry } from "../api/types";
import { entryQuery } from "./queries";
import { decode, type Decoded } from "./statement";
import { StatementView } from "./statement-view";
import { Steps } from "./steps";
import { useVerification } from "./use-verification";

const route = getRouteApi("/sites/$siteId/evidence/$index");

export function prefetch(client: QueryClient, siteId: string, index: string): void {
  void client.prefetchQuery(entryQuery(siteId, Number(index)));
}

export function Page() {
  const { siteId, index } = route.useParams();
  const site = useQuery(siteQuery(siteId));
  const query = useQuery(entryQuery(siteId, Number(index)));
  return (
    <>
      <Crumbs
        trail={[
          { label: "Sites", link: { to: "/sites" } },
          { label: site.data?.name ?? "Site", link: { to: "/sites/$siteId", params: { siteId } } },
          { label: "Evidence", link: { to: "/sites/$siteId/evidence", params: { siteId } } },
        ]}
      />
      <PageHead
        title={`Evidence entry ${count(Number(index))}`}
        sub={site.data?.name ?? "\u00a0"}
        actions={query.data && <Downloads siteId={siteId} entry={query.data} />}
      />
      <QueryView
        query={query}
        what="Entry"
        skeleton={
          <div className="panel">
            <RowsSkeleton rows={6} tall />
          </div>
        }
      >
        {(entry) => <Entry siteId={siteId} index={Number(index)} entry={entry} />}
      </QueryView>
    </>
  );
}

interface EntryProps {
  siteId: string;
  index: number;
  entry: EvidenceEntry;
}

function Entry({ siteId, index, entry }: EntryProps) {
  const decoded = decode(entry.envelope_base64);
  return (
    // Side by side only where the results keep room to be read beside the proof.
    <div className="grid items-start gap-3.5 xl:grid-cols-[minmax(0,1fr)_22rem] min-[100rem]:grid-cols-[minmax(0,1fr)_26rem]">
      <div className="grid min-w-0 gap-3.5 max-xl:order-2">
        <Panel title="What it says" note={<Chip icon={kindOf(entry.kind).icon}>{kindOf(entry.kind).word}</Chip>}>
          {decoded ? (
            <StatementView siteId={siteId} predicate={decoded.predicate} />
          ) : (
            <p className="px-4 py-3 text-fail">The envelope cannot be read.</p>
          )}
        </Panel>
        {decoded && <Raw decoded={decoded} />}
      </div>
      <div className="grid min-w-0 items-start gap-3.5 max-xl:order-1 max-xl:lg:grid-cols-2">
        <VerificationPanel siteId={siteId} index={index} entry={entry} />
        <Panel title="Where it stands">
          <Position entry={entry} decoded={decoded} />
        </Panel>
      </div>
    </div>
  );
}

function VerificationPanel({ siteId, index, entry }: EntryProps) {
  const verification = useVerification(siteId, index, entry);
  const result = verification.data;
  return (
    <Panel title="Verification" note="computed in this browser">
      {verification.isError ? (
        <ErrorNote error={verification.error} what="The verification" onRetry={() => void verification.refetch()} />
      ) : result ? (
        <>
          <p
            role="status"
            className={`flex items-center gap-2 px-4 pt-4 text-md font-semibold ${result.ok ? "text-pass" : "text-fail"}`}
          >
            <Icon name={result.ok ? "evidence" : "incident"} size={18} />
            {result.ok ? "Every step holds" : "This entry cannot be relied on"}
          </p>
          <Steps steps={result.steps} />
          <p className="border-t border-hair px-4 py-3 text-xs text-ink-3">
            This page trusts the server for the public keys, and to hold no revocation back. To trust nobody, export the
            log and run <code>proofline-verify</code> with keys you kept.
          </p>
        </>
      ) : (
        <StepsSkeleton />
      )}
    </Panel>
  );
}

/** As high as the steps that follow, so that what stands below stays where it is. */
function StepsSkeleton() {
  return (
    <div aria-hidden="true" className="px-4 pt-4 pb-24">
      <Bar className="my-1.5 w-40" />
      <div className="grid gap-3 pt-4">
        {Array.from({ length: 10 }, (_, i) => (
          <div key={i} className="h-16 min-[100rem]:h-13">
            <Bar className="my-1 w-1/2" />
            <Bar className="mt-3 w-4/5" />
          </div>
        ))}
      </div>
    </div>
  );
}

function Position({ entry, decoded }: { entry: EvidenceEntry; decoded: Decoded | undefined }) {
  const { key, checkpoint } = entry;
  return (
    <Facts>
      <Fact name="Position">
        {count(entry.index)} in a log of {count(checkpoint.size)}
      </Fact>
      {decoded && <Fact name="Sequence">{count(decoded.predicate.seq)} of this signer</Fact>}
      <Fact name="Received">
        <Time at={entry.received_at} focusable />
      </Fact>
      <Fact name="Signed by">
        {humanise(key.role)} key <Digest hex={key.key_id} />
      </Fact>
      {key.holder && (
        <Fact name="Held by">
          <code>{key.holder}</code>
        </Fact>
      )}
      <Fact name="Key enrolled">
        {key.enrolled_index == null ? "by no entry" : `at entry ${count(key.enrolled_index)}`}
      </Fact>
      {key.revoked_index != null && <Fact name="Key revoked">at entry {count(key.revoked_index)}</Fact>}
      <Fact name="Root">
        <Digest hex={checkpoint.root_hex} />
      </Fact>
      <Fact name="Published">
        {checkpoint.published_at ? (
          <Time at={checkpoint.published_at} focusable />
        ) : (
          "not yet; the next publication takes it"
        )}
      </Fact>
    </Facts>
  );
}

function Raw({ decoded }: { decoded: Decoded }) {
  return (
    <details className="panel group">
      <summary className="flex h-11 list-none items-center gap-2 px-4 font-semibold">
        <Icon name="right" size={12} className="text-ink-3 transition-transform group-open:rotate-90" />
        The statement as it was signed
      </summary>
      <pre tabIndex={0} className="mono max-h-[32rem] overflow-auto border-t border-hair px-4 py-3 whitespace-pre-wrap">
        {JSON.stringify(decoded.statement, null, 2)}
      </pre>
    </details>
  );
}
