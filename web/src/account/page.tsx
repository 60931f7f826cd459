import type { QueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { codeWords } from "../api/code-words";
import { ApiError } from "../api/errors";
import { useSession } from "../auth/context";
import { roleMeaning, roleWord } from "../auth/roles";
import { sentence } from "../lib/format";
import { Button } from "../ui/button";
import { ErrorNote } from "../ui/error-note";
import { Fact, Facts } from "../ui/facts";
import { PageHead } from "../ui/page-head";
import { Panel } from "../ui/panel";
import { EmailChange, NameForm } from "./profile";
import { PasswordForm } from "./password";
import { IdentitiesPanel } from "./identities";
import { FactorsPanel } from "./factors";
import { factorsQuery, identitiesQuery, offeredQuery, ownSessionsQuery } from "./queries";
import { SessionsPanel } from "./sessions";

export function prefetch(client: QueryClient): void {
  for (const query of [factorsQuery(), ownSessionsQuery(), identitiesQuery(), offeredQuery()])
    void client.prefetchQuery(query as never);
}

const route = getRouteApi("/account");

/** Back from a provider, without what one went for. */
function LinkProblem({ code }: { code: string }) {
  const navigate = route.useNavigate();
  const known = code in codeWords ? code : "sign_in_failed";
  return (
    <div className="panel mb-3.5 flex items-start">
      <div className="flex-1">
        <ErrorNote error={new ApiError("forbidden", { code: known })} what="Not linked" />
      </div>
      <Button look="quiet" className="m-2" onClick={() => navigate({ search: {}, replace: true })}>
        Close
      </Button>
    </div>
  );
}

export function Page() {
  const { session } = useSession();
  const { problem } = route.useSearch();
  const { user } = session;
  return (
    <>
      <PageHead title="Your account" sub="Who you are here, and how you prove it." />
      {problem && <LinkProblem code={problem} />}
      <div className="grid items-start gap-3.5 lg:grid-cols-2">
        <div className="grid min-w-0 gap-3.5">
          <FactorsPanel />
          <SessionsPanel />
        </div>
        <div className="grid min-w-0 gap-3.5">
          <Panel title="Profile">
            <NameForm key={user.name} />
            <Facts className="border-t border-hair">
              <Fact name="E-mail">
                <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
                  {user.email}
                  <EmailChange />
                </span>
              </Fact>
              <Fact name="Role">
                {sentence(roleWord(user.role))}
                <span className="block text-xs text-ink-3">You can {roleMeaning(user.role)}.</span>
              </Fact>
            </Facts>
          </Panel>
          <Panel title="Password">
            <PasswordForm />
          </Panel>
          <IdentitiesPanel />
        </div>
      </div>
    </>
  );
}
