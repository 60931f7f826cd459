import { type QueryClient, useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import { permission } from "../api/identity";
import { useDenied } from "../auth/context";
import { levelOf, levelWord, roleWord } from "../auth/roles";
import { sentence } from "../lib/format";
import { useWrite } from "../lib/use-write";
import { Button } from "../ui/button";
import { QueryView } from "../ui/query-view";
import { RowsSkeleton } from "../ui/skeleton";
import { factorPolicyQuery } from "./queries";

export function prefetch(client: QueryClient): void {
  void client.prefetchQuery(factorPolicyQuery());
}

export function Page() {
  const query = useQuery(factorPolicyQuery());
  return (
    <div className="panel">
      <p className="p-4 text-sm text-ink-3">
        Everybody signs in with a second factor. Here you decide for whom it must be a passkey, which cannot be given
        away on a false page. Who has none yet is asked to add one at the next sign-in; sessions that are open go on.
      </p>
      <QueryView query={query} what="Second factors" skeleton={<RowsSkeleton rows={5} tall />}>
        {({ items }) => (
          <ul aria-label="What is asked of each role">
            {items.map((rule) => (
              <Rule key={rule.role} role={rule.role} passkey={rule.requirement === "passkey"} />
            ))}
          </ul>
        )}
      </QueryView>
    </div>
  );
}

function Rule({ role, passkey }: { role: string; passkey: boolean }) {
  const denied = useDenied();
  const name = sentence(roleWord(role));
  const change = useWrite({
    run: () => api.put("/api/second-factor-policy", { body: { role, requirement: passkey ? "any" : "passkey" } }),
    done: passkey ? `${name}: any second factor will do` : `${name}: a passkey is asked for`,
    failed: `What is asked of ${name} was not changed`,
    touches: [["factor-policy"]],
  });
  return (
    <li className="flex items-center justify-between gap-4 p-4">
      <div>
        <span className="font-medium">{name}</span>
        <div className="text-xs text-ink-3">
          {levelWord[levelOf(role)]}: {passkey ? "a passkey" : "a passkey or an authenticator app"}
        </div>
      </div>
      <Button
        aria-label={`${passkey ? "Allow any second factor" : "Ask for a passkey"}: ${name}`}
        disabledReason={denied(permission.changeFactorPolicy)}
        busy={change.isPending}
        onClick={() => change.mutate()}
      >
        {passkey ? "Allow any" : "Ask for a passkey"}
      </Button>
    </li>
  );
}
