import { useQueryClient } from "@tanstack/react-query";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { Link, useRouter } from "@tanstack/react-router";
import { ApiError } from "../api/errors";
import { ErrorNote } from "../ui/error-note";
import { PageHead } from "../ui/page-head";
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
