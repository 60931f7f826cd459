import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "../api/client";
import { wordsFor } from "../api/error-words";
import type { IssuedCode as Issued } from "../api/types";
import { focusOnceThere } from "../lib/focus";
import { flatten } from "../lib/pages";
import { Button, CopyButton } from "../ui/button";
import { Field } from "../ui/field";
import { Icon } from "../ui/icon";
import { Time } from "../ui/time";
import { appliancesQuery } from "./queries";

export function CodeStep({ siteId }: { siteId: string }) {
  const client = useQueryClient();
  const [label, setLabel] = useState("");
  const issue = useMutation({
    mutationFn: () =>
      api.post("/api/sites/{site_id}/codes", { path: { site_id: siteId }, body: { label: label.trim() } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["site", siteId, "codes"] }),
  });
  if (issue.data) return <IssuedCode siteId={siteId} issued={issue.data} onAgain={() => issue.reset()} />;
  return (
    <form
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!issue.isPending) issue.mutate();
      }}
    >
      <Field label="Label" hint="For you, to tell codes apart: the machine, the ticket. May be empty.">
        {(ids) => (
          <input
            {...ids}
            className="input max-w-96"
            value={label}
            maxLength={120}
            autoComplete="off"
            onChange={(event) => setLabel(event.target.value)}
          />
        )}
      </Field>
      {issue.isError && (
        <p role="alert" className="font-medium text-fail">
          {wordsFor(issue.error).title}. {wordsFor(issue.error).advice}
        </p>
      )}
      <div>
        <Button type="submit" look="primary" icon="key" busy={issue.isPending}>
          Make the code
        </Button>
      </div>
    </form>
  );
}

function IssuedCode({ siteId, issued, onAgain }: { siteId: string; issued: Issued; onAgain: () => void }) {
  const { joined, error } = useJoined(siteId, issued.id);
  return (
    <div className="grid gap-4">
      {!joined && <Code issued={issued} />}
      <div role="status" className="flex flex-wrap items-center gap-3 rounded-md bg-inset px-3 py-2.5">
        {joined ? (
          <>
            <Icon name="check" className="text-pass" />
            <p className="flex-1">
              <strong className="font-semibold">{joined.hostname}</strong> joined. Its first results arrive within a
              minute. The code is used up.
            </p>
            <Button onClick={onAgain}>Make another code</Button>
            <Link to="/sites/$siteId" params={{ siteId }} className="btn btn-primary">
              See its posture
            </Link>
          </>
        ) : error ? (
          <p className="text-stale">
            {wordsFor(error).title}. The code is valid all the same; the page asks again by itself.
          </p>
        ) : (
          <>
            <span aria-hidden="true" className="size-2 animate-pulse rounded-full bg-accent" />
            <p>Waiting for the machine. You may leave this page; the code stays valid.</p>
          </>
        )}
      </div>
    </div>
  );
}

function Code({ issued }: { issued: Issued }) {
  return (
    <>
      <div>
        <p ref={focusOnceThere} tabIndex={-1} className="mb-1 font-medium">
          The code, shown only now
        </p>
        <div className="flex flex-wrap items-center gap-3">
          <code className="rounded-md border border-line bg-ground px-3 py-1.5 text-lg font-semibold tracking-wide select-all">
            {issued.code}
          </code>
          <CopyButton text={issued.code} label="Copy code" />
          <span className="text-ink-3">
            for one machine; ends <Time at={issued.expires_at} focusable />
          </span>
        </div>
      </div>
      <div>
        <p className="mb-1 font-medium">Run this on the machine, as root</p>
        <div className="flex flex-wrap items-start gap-3">
          <code
            tabIndex={0}
            className="min-w-0 flex-1 basis-80 rounded-md border border-line bg-ground px-3 py-2 select-all"
          >
            {issued.enroll_command}
          </code>
          <CopyButton text={issued.enroll_command} label="Copy command" />
        </div>
      </div>
    </>
  );
}

/** Watches for the machine. A change on the server wakes the list; the timer is for when that is broken. */
function useJoined(siteId: string, code: string) {
  const query = useInfiniteQuery({ ...appliancesQuery({ siteId }), refetchInterval: 5000 });
  const [before, setBefore] = useState<{ code: string; ids: ReadonlySet<string> }>();
  const rows = query.data ? flatten(query.data) : undefined;
  if (rows && before?.code !== code) setBefore({ code, ids: new Set(rows.map(({ id }) => id)) });
  const joined = before?.code === code ? rows?.find(({ id }) => !before.ids.has(id)) : undefined;
  return { joined, error: query.error };
}
