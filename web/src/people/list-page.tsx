import { type QueryClient, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import type { User } from "../api/types";
import { useLevel, useSession } from "../auth/context";
import { roleNames, roleWord } from "../auth/roles";
import { useFilterText } from "../lib/filter-text";
import { sentence } from "../lib/format";
import { useOnTop } from "../lib/on-top";
import { flatten, pagesOf } from "../lib/pages";
import { Button } from "../ui/button";
import { Chip } from "../ui/chip";
import { Empty } from "../ui/empty";
import { FilterSelect, SearchField } from "../ui/field";
import { QueryView } from "../ui/query-view";
import { RowLink } from "../ui/row-link";
import { RowsSkeleton } from "../ui/skeleton";
import { type Columns, columnsOf, DataTable } from "../ui/table";
import { Time } from "../ui/time";
import { factorWord } from "./factor-word";
import { type PeopleFilter, peopleQuery } from "./queries";
import { RoleCell } from "./role-cell";
import { UserSheet } from "./user-sheet";

const route = getRouteApi("/people/");

export function prefetch(client: QueryClient, filter: PeopleFilter): void {
  void client.prefetchInfiniteQuery(peopleQuery(filter));
}

export function Page() {
  const { session } = useSession();
  const { show, ...filter } = route.useSearch();
  const navigate = route.useNavigate();
  const { opening, close } = useOnTop("show");
  const query = useInfiniteQuery(peopleQuery(filter));
  const [text, setText] = useFilterText(filter.q ?? "", (q) =>
    navigate({ search: ({ q: _, ...rest }) => (q ? { ...rest, q } : rest), replace: true }),
  );
  const visible = { platform: roleNames, partner: roleNames.slice(3), practice: roleNames.slice(6) };
  const roles = visible[useLevel()];
  const rows = query.data ? flatten(query.data) : [];
  return (
    <>
      <div className="panel">
        <div className="flex flex-wrap items-center gap-2 border-b border-hair px-3 py-2">
          <SearchField
            label="Filter by name, e-mail or place"
            className="w-80 max-sm:w-full"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <FilterSelect
            label="Role"
            value={filter.role ?? ""}
            options={[["", "Every role"], ...roles.map((role) => [role, sentence(roleWord(role))] as const)]}
            onChange={(role) =>
              navigate({ search: ({ role: _, ...rest }) => (role ? { ...rest, role } : rest), replace: true })
            }
          />
          <FilterSelect
            label="Status"
            value={filter.status ?? ""}
            options={[
              ["", "Active and suspended"],
              ["active", "Active"],
              ["suspended", "Suspended"],
            ]}
            onChange={(status) =>
              navigate({ search: ({ status: _, ...rest }) => (status ? { ...rest, status } : rest), replace: true })
            }
          />
        </div>
        <QueryView query={query} what="People" skeleton={<RowsSkeleton rows={10} tall />}>
          {() =>
            rows.length === 0 ? (
              filter.q || filter.role || filter.status ? (
                <Empty
                  title="Nobody matches the filter"
                  action={
                    <Button
                      onClick={() => {
                        setText("");
                        void navigate({ search: {}, replace: true });
                      }}
                    >
                      Clear the filter
                    </Button>
                  }
                />
              ) : (
                <Empty title="Nobody yet">Invite somebody; they appear here once they have accepted.</Empty>
              )
            ) : (
              <DataTable
                label="People"
                columns={columns(session.user.id, opening)}
                rows={rows}
                rowKey={(user) => user.id}
                more={pagesOf(query)}
                selected={show}
              />
            )
          }
        </QueryView>
      </div>
      <UserSheet userId={show} known={rows.find((user) => user.id === show)} onClose={close} />
    </>
  );
}

const column = columnsOf<User>();

const columns = (ownId: string, opening: ReturnType<typeof useOnTop>["opening"]): Columns<User> => [
  column.display({
    id: "name",
    header: "Name",
    meta: { className: "@2xl:min-w-52" },
    cell: ({ row: { original: user } }) => (
      <>
        <RowLink link={{ to: "/people", search: (old: object) => ({ ...old, show: user.id }) as never, ...opening }}>
          {user.name}
        </RowLink>
        {user.id === ownId && <span className="ml-1.5 text-xs text-ink-3">you</span>}
        <div className="text-xs text-ink-3 [overflow-wrap:anywhere]">{user.email}</div>
      </>
    ),
  }),
  column.display({
    id: "role",
    header: "Role",
    meta: { narrow: "line" },
    cell: ({ row: { original: user } }) => <RoleCell role={user.role} place={user.place_name} />,
  }),
  column.display({
    id: "status",
    header: "Status",
    cell: ({ row: { original: user } }) => <StatusChips user={user} />,
  }),
  column.display({
    id: "seen",
    header: "Last here",
    meta: { align: "end", className: "whitespace-nowrap" },
    cell: ({ row: { original: user } }) => <Time at={user.last_seen_at} />,
  }),
];

function StatusChips({ user }: { user: User }) {
  return (
    <span className="flex flex-wrap gap-1.5">
      {user.status === "suspended" ? (
        <Chip tone="warn" icon="lock">
          Suspended
        </Chip>
      ) : (
        <Chip icon="check">Active</Chip>
      )}
      {user.second_factors.map((factor) => (
        <Chip key={factor} tip="A second factor that they have set up">
          {sentence(factorWord(factor))}
        </Chip>
      ))}
      {user.second_factors.length === 0 && (
        <Chip tone="odd" tip="Has not set one up yet; until then the account opens nothing">
          No second factor
        </Chip>
      )}
    </span>
  );
}
