/** Every shared component in every state, to look at side by side. Development only. */

import { type ReactNode, useState } from "react";
import { ApiError, type ErrorKind } from "../../src/api/errors";
import { ModeChip } from "../../src/appliances/mode";
import { PresenceChip } from "../../src/appliances/presence";
import { IncidentStateChip } from "../../src/incidents/state";
import { Steps } from "../../src/proof/steps";
import { lookMeaning, looks } from "../../src/scoring/look";
import { Button, CopyButton } from "../../src/ui/button";
import { Chip } from "../../src/ui/chip";
import { ConfirmDialog } from "../../src/ui/confirm";
import { Digest } from "../../src/ui/digest";
import { Empty } from "../../src/ui/empty";
import { ErrorNote } from "../../src/ui/error-note";
import { Fact, Facts } from "../../src/ui/facts";
import { Field, FilterSelect, SearchField } from "../../src/ui/field";
import { PageHead } from "../../src/ui/page-head";
import { Panel } from "../../src/ui/panel";
import { CountsBar, ScoreFigure, Strip } from "../../src/ui/score";
import { Severity } from "../../src/ui/severity";
import { RowsSkeleton } from "../../src/ui/skeleton";
import { Glyph, StateChip } from "../../src/ui/state";
import { Time } from "../../src/ui/time";
import { say } from "../../src/ui/toast";

const kinds: ErrorKind[] = [
  "offline",
  "timeout",
  "signed_out",
  "forbidden",
  "not_found",
  "conflict",
  "invalid",
  "rate_limited",
  "unavailable",
  "server",
  "malformed",
];

function Row({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-3 px-4 py-3">{children}</div>;
}

export function Page() {
  return (
    <>
      <PageHead title="Gallery" sub="Every shared component in every state." />
      <div className="grid items-start gap-3.5 lg:grid-cols-2">
        <Panel title="States">
          <ul className="grid gap-2 px-4 py-3">
            {looks.map((look) => (
              <li key={look} className="grid grid-cols-[1.5rem_9rem_minmax(0,1fr)] items-center gap-2">
                <Glyph look={look} size={20} />
                <StateChip look={look} />
                <span className="text-ink-2">{lookMeaning[look]}</span>
              </li>
            ))}
          </ul>
        </Panel>
        <Panel title="Score">
          <div className="grid gap-5 px-4 py-3">
            <ScoreFigure score={93.44} excepted={95} coverage={0.962} />
            <ScoreFigure score={0} coverage={0.2} />
            <ScoreFigure score={99.98} coverage={0.999} />
            <ScoreFigure score={null} coverage={null} />
            <CountsBar
              counts={{ pass: 4102, fail: 187, not_assessed: 139, stale: 233, not_applicable: 40, not_covered: 12 }}
              unit="controls"
            />
            <Strip
              states={[
                "pass",
                "pass",
                "fail",
                "not_assessed",
                "stale",
                "not_applicable",
                "not_covered",
                "pass",
                "pass",
                "something_new",
                "pass",
                "fail",
              ]}
            />
          </div>
        </Panel>
        <Panel title="Buttons">
          <Row>
            <Button>Plain</Button>
            <Button look="primary" icon="check">
              Primary
            </Button>
            <Button look="danger">Danger</Button>
            <Button look="quiet">Quiet</Button>
            <Button busy>Busy</Button>
            <Button look="primary" disabledReason="your role (read-only) does not allow it">
              Not possible
            </Button>
            <CopyButton text="copied" />
          </Row>
          <Row>
            <Button onClick={() => say("Something went well")}>Good message</Button>
            <Button onClick={() => say("Something did not go well. Try again later.", "bad")}>Bad message</Button>
            <ConfirmSample />
          </Row>
        </Panel>
        <Panel title="Words about things">
          <Row>
            {["online", "stale", "offline", "pending", "revoked", "none", "something_new"].map((status) => (
              <PresenceChip key={status} status={status} />
            ))}
          </Row>
          <Row>
            {[
              "open",
              "healing",
              "verifying",
              "awaiting_approval",
              "escalated",
              "suppressed",
              "resolved",
              "closed",
              "something_new",
            ].map((state) => (
              <IncidentStateChip key={state} state={state} />
            ))}
          </Row>
          <Row>
            {["low", "medium", "high", "critical"].map((severity) => (
              <Severity key={severity} value={severity} />
            ))}
            {["audit", "ask", "enforce"].map((mode) => (
              <ModeChip key={mode} mode={mode} />
            ))}
            <Chip tone="odd">Odd</Chip>
          </Row>
          <Row>
            <Time at={new Date(Date.now() - 40_000).toISOString()} focusable />
            <Time at={new Date(Date.now() - 9e6).toISOString()} />
            <Time at={null} />
            <Digest hex={"9f3ac41e".repeat(8)} />
            <kbd>Ctrl</kbd>
          </Row>
        </Panel>
        <Panel title="Fields">
          <div className="grid gap-4 px-4 py-3">
            <Field label="Name" hint="As it is on the door">
              {(ids) => <input {...ids} className="input" defaultValue="Sunrise Dermatology" />}
            </Field>
            <Field label="Name, wrong" error="This is missing">
              {(ids) => <input {...ids} className="input" />}
            </Field>
            <SearchField label="Filter" />
            <FilterSelect
              label="Choice"
              value="a"
              options={
                [
                  ["a", "First"],
                  ["b", "Second"],
                ] as const
              }
              onChange={() => undefined}
            />
          </div>
        </Panel>
        <Panel title="Verification">
          <Steps
            steps={[
              { title: "A step that holds", ok: true, detail: "With its detail" },
              { title: "A step that does not", ok: false, detail: "And what was found instead" },
            ]}
          />
          <Facts>
            <Fact name="Name">Value</Fact>
          </Facts>
        </Panel>
        <Panel title="Nothing, and loading">
          <Empty title="Nothing here">And that is the truth.</Empty>
          <RowsSkeleton rows={3} />
        </Panel>
        <Panel title="Errors" className="lg:row-span-2">
          <div className="divide-y divide-hair">
            {kinds.map((kind) => (
              <ErrorNote
                key={kind}
                what="Sites"
                error={
                  new ApiError(kind, {
                    requestId: "req_9f3ac41e",
                    retryAfter: kind === "rate_limited" ? 30 : undefined,
                  })
                }
                onRetry={() => undefined}
              />
            ))}
          </div>
        </Panel>
      </div>
    </>
  );
}

function ConfirmSample() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Ask</Button>
      <ConfirmDialog
        open={open}
        onClose={() => setOpen(false)}
        title="Really?"
        action="Do it"
        reason={{ label: "Why", minLength: 10 }}
        busy={false}
        onConfirm={() => setOpen(false)}
      >
        It cannot be undone.
      </ConfirmDialog>
    </>
  );
}
