/**
 * What can go wrong between this page and the server, as one type.
 *
 * The kind decides the words a person reads (see `error-words.ts`); code, status and
 * request id are what an operator needs to find the same event in the server's log.
 */

export type ErrorKind =
  | "offline"
  | "timeout"
  | "signed_out"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "invalid"
  | "rate_limited"
  | "unavailable"
  | "server"
  | "malformed";

export interface FieldError {
  field: string;
  code: string;
  detail: string;
}

interface Details {
  status?: number | undefined;
  code?: string | undefined;
  detail?: string | undefined;
  requestId?: string | undefined;
  /** Seconds that the server asks us to wait, from `Retry-After`. */
  retryAfter?: number | undefined;
  fields?: FieldError[] | undefined;
  cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly kind: ErrorKind;
  readonly status: number | undefined;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;
  readonly fields: FieldError[];

  constructor(kind: ErrorKind, details: Details = {}) {
    super(details.detail ?? details.code ?? kind, { cause: details.cause });
    this.kind = kind;
    this.status = details.status;
    this.code = details.code ?? kind;
    this.detail = details.detail ?? "";
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
    this.fields = details.fields ?? [];
  }
}

/** The kind that an HTTP status stands for. */
export function kindOfStatus(status: number): ErrorKind {
  switch (status) {
    case 401:
      return "signed_out";
    case 403:
      return "forbidden";
    case 404:
    case 410:
      return "not_found";
    case 408:
      return "timeout";
    case 409:
    case 412:
      return "conflict";
    case 400:
    case 413:
    case 415:
    case 422:
      return "invalid";
    case 429:
      return "rate_limited";
    case 502:
    case 503:
    case 504:
      return "unavailable";
    default:
      return "server";
  }
}

/** Whether the same read may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.kind === "offline" || error.kind === "unavailable");
}

/** Whether nothing more comes of this session as it is: it is over, or needs its second factor. */
export const endsSession = ({ kind, code }: ApiError): boolean =>
  kind === "signed_out" || /^second_factor_(enrolment_)?required$/.test(code);
