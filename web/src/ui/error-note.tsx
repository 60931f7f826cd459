import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { useCountdown } from "../lib/countdown";
import { Button } from "./button";
import { Icon } from "./icon";

/** What failed, in words, with the request id and a way to try again. Announced when it appears. */
export function ErrorNote({
  error,
  what,
  onRetry,
}: {
  error: unknown;
  what?: string | undefined;
  onRetry?: (() => void) | undefined;
}) {
  const words = wordsFor(error);
  const api = error instanceof ApiError ? error : undefined;
  const wait = useCountdown(api?.retryAfter);
  return (
    <div role="alert" className="flex flex-wrap items-start gap-3 px-4 py-4">
      <Icon name="incident" className="mt-0.5 text-fail" />
      <div className="min-w-48 flex-1">
        <p className="font-semibold">
          {what && `${what}: `}
          {what ? words.title.charAt(0).toLowerCase() + words.title.slice(1) : words.title}
        </p>
        <p className="text-ink-2">{words.advice}</p>
        {api?.requestId && (
          <p className="mt-1 text-xs text-ink-3">
            Request <code className="select-all">{api.requestId}</code>
          </p>
        )}
      </div>
      {onRetry && words.retry && (
        <Button
          icon="retry"
          onClick={onRetry}
          disabledReason={wait > 0 ? `the server asked to wait ${wait} s` : undefined}
        >
          Try again
        </Button>
      )}
    </div>
  );
}
