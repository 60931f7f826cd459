import { useQueryClient } from "@tanstack/react-query";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { Link, useRouter } from "@tanstack/react-router";
import { ApiError } from "../api/errors";
import { useSession } from "../auth/context";
import { roleWord } from "../auth/roles";
import { Empty } from "../ui/empty";
import { ErrorNote } from "../ui/error-note";
import { PageHead } from "../ui/page-head";
import { NotForRole } from "./needs";
import { Bar, RowsSkeleton } from "../ui/skeleton";

/** A page whose code is on its way. */
export function PagePending() {
  return (
    <div aria-busy="true">
      <span className="sr-only" role="status">
        Loading page
      </span>
      <Bar className="mb-2 h-6 w-56" />
      <Bar className="mb-5 w-80 max-w-full" />
      <div className="panel">
        <RowsSkeleton rows={8} />
      </div>
    </div>
  );
}

/** A page that broke: the rest of the console goes on. */
export function PageError(props: ErrorComponentProps) {
  if (props.error instanceof NotForRole) {
    return (
      <>
        <PageHead title="Not for your role" />
        <Refused />
      </>
    );
  }
  return (
    <>
      <PageHead title="This page could not be shown" />
      <SectionError {...props} />
    </>
  );
}

/** A tab that broke: the heading of its page stands. */
export function SectionError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const client = useQueryClient();
  if (error instanceof NotForRole) return <Refused />;
  const retry = () => {
    // Whatever broke the drawing may lie in the cache.
    client.removeQueries({ type: "inactive" });
    reset();
    void router.invalidate();
  };
  const codeMissing = error instanceof TypeError && /import|module/i.test(error.message);
  return (
    <div className="panel">
      <ErrorNote
        error={codeMissing ? new ApiError("offline", { cause: error }) : error}
        onRetry={codeMissing ? () => location.reload() : retry}
      />
    </div>
  );
}

/** Nothing was asked of the server: what somebody may do is known before. */
function Refused() {
  const { session } = useSession();
  return (
    <div className="panel">
      <Empty
        title={`This page is not for your role (${roleWord(session.user.role)})`}
        action={
          <Link to="/" className="btn">
            Go to the overview
          </Link>
        }
      >
        Nothing was loaded. If you need it, ask whoever gave you your account.
      </Empty>
    </div>
  );
}

export function NotFound() {
  return (
    <>
      <PageHead title="Not found" sub="There is nothing at this address, or it is not yours to see." />
      <p>
        <Link to="/" className="link">
          Go to the overview
        </Link>
      </p>
    </>
  );
}
