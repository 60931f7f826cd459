import { type QueryClient, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { count, plural } from "../lib/format";
import { useMedia } from "../lib/media";
import { useOnTop } from "../lib/on-top";
import { Dialog } from "../ui/dialog";
import { Empty } from "../ui/empty";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { CountsBar, ScoreFigure } from "../ui/score";
import { Bar, RowsSkeleton } from "../ui/skeleton";
import { Time } from "../ui/time";
import { AsOf } from "./as-of";
import { ControlList } from "./control-list";
import { FilterBar } from "./filter-bar";
import { filterControls, stateCounts } from "./filter";
import { lookOfCheck, whyQuestion } from "./look";
import { reach } from "./measured";
import type { Posture, PostureCheck } from "../api/types";
import { postureQuery, type PostureScope } from "./queries";
import { WhyPanel } from "./why-panel";

const route = getRouteApi("/sites/$siteId/");

export function prefetch(client: QueryClient, siteId: string, scope: PostureScope): void {
  void client.prefetchQuery(postureQuery(siteId, scope));
}

export function Page() {
  const { siteId } = route.useParams();
  const search = route.useSearch();
  const query = useQuery(postureQuery(siteId, search));
  return (
    <div className="grid gap-3.5">
      <Panel
        title="Posture"
        note={search.as_of ? <PastNote asOf={search.as_of} /> : <NowNote asOf={query.data?.as_of} />}
        action={<AsOf value={search.as_of} />}
      >
        <QueryView query={query} what="Posture" skeleton={<SummarySkeleton />}>
          {(posture) => <Summary posture={posture} />}
        </QueryView>
      </Panel>
      <QueryView
        shared
        query={query}
        what="Controls"
        skeleton={
          <div className="panel">
            <RowsSkeleton rows={10} tall />
          </div>
        }
      >
        {(posture) => <Controls siteId={siteId} posture={posture} />}
      </QueryView>
    </div>
  );
}

function NowNote({ asOf }: { asOf: string | undefined }) {
  return (
    <>
      HIPAA in force<span className="print:hidden">, now</span>
      <span className="hidden print:inline">
        {" "}
        as of <Time at={asOf} missing="now" />
      </span>
    </>
  );
}

function PastNote({ asOf }: { asOf: string }) {
  return (
    <strong className="rounded-md bg-stale-soft px-2 py-0.5 font-medium text-stale">
      As it was <Time at={asOf} focusable />, not now
    </strong>
  );
}

function Summary({ posture }: { posture: Posture }) {
  return (
    <div className="grid items-center gap-x-10 gap-y-3 px-4 py-3.5 md:grid-cols-[auto_minmax(16rem,1fr)]">
      <ScoreFigure score={posture.score} excepted={posture.excepted_score} coverage={posture.coverage} />
      <CountsBar counts={stateCounts(posture.controls)} unit="controls" />
      <p className="max-w-prose text-xs text-ink-2 md:col-span-2">{reach(posture.controls)}</p>
    </div>
  );
}

function Controls({ siteId, posture }: { siteId: string; posture: Posture }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const beside = useMedia("(min-width: 80rem)");
  const selected = findCheck(posture, search.check, search.on);
  const shown = filterControls(posture.controls, search);

  const { opening, close } = useOnTop("check", "on");
  const opener = useRef<Element>(null);
  const select = (check: PostureCheck) => {
    opener.current = document.activeElement;
    void navigate({ search: (rest) => ({ ...rest, check: check.check_id, on: check.asset_id }), ...opening });
  };
  // The panel takes the focus with it when it goes; the row that opened it gets it back.
  const asked = selected !== undefined;
  useEffect(() => {
    if (!asked && document.activeElement === document.body) (opener.current as HTMLElement | null)?.focus();
  }, [asked]);
  const why = selected && <WhyPanel siteId={siteId} check={selected.check} control={selected.control} />;

  return (
    <div className={beside && why ? "grid grid-cols-[minmax(0,1fr)_25rem] items-start gap-3.5" : undefined}>
      <section aria-label="Controls" className="panel min-w-0">
        <FilterBar posture={posture} />
        {shown.length < posture.controls.length && (
          <p className="hidden border-b border-hair px-4 py-2 print:block">
            Filtered: {count(shown.length)} of {plural(posture.controls.length, "control")}.
          </p>
        )}
        {shown.length === 0 ? (
          <Empty title="No control matches the filter">Take away a filter to see more.</Empty>
        ) : (
          <ControlList controls={shown} selected={selected?.check} onSelect={select} />
        )}
      </section>
      {why && beside && (
        <aside aria-label="Why" className="panel sticky top-16 max-h-[calc(100dvh-5rem)] overflow-y-auto">
          <WhyHead check={selected.check} onClose={close} />
          {why}
        </aside>
      )}
      {why && !beside && (
        <Dialog
          open
          shape="sheet"
          onClose={close}
          title={questionOf(selected.check)}
          description={`${selected.check.title} · ${selected.check.asset_name}`}
        >
          {why}
        </Dialog>
      )}
    </div>
  );
}

const questionOf = (check: PostureCheck) => whyQuestion[lookOfCheck(check.verdict, check.freshness)];

function WhyHead({ check, onClose }: { check: PostureCheck; onClose: () => void }) {
  return (
    <div className="flex items-start gap-2 border-b border-hair py-2.5 pr-2 pl-4">
      <div className="min-w-0 flex-1">
        <h2 className="text-sm">{questionOf(check)}</h2>
        <p className="text-ink-2">
          {check.title} <span className="text-ink-3">· {check.asset_name}</span>
        </p>
      </div>
      <button type="button" className="btn btn-quiet" onClick={onClose}>
        Close
      </button>
    </div>
  );
}

function findCheck(posture: Posture, checkId: string | undefined, assetId: string | undefined) {
  if (!checkId) return undefined;
  for (const control of posture.controls) {
    const check = control.checks.find((c) => c.check_id === checkId && (!assetId || c.asset_id === assetId));
    if (check) return { control, check };
  }
  return undefined;
}

function SummarySkeleton() {
  return (
    <div className="grid gap-3 px-4 py-4 md:grid-cols-[16rem_1fr]">
      <Bar className="h-8 w-40" />
      <div className="grid gap-2">
        <Bar className="h-2" />
        <Bar className="w-64" />
      </div>
    </div>
  );
}
