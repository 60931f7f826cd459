import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import { ApiError } from "../api/errors";
import { sentenceFor } from "../api/error-words";
import { say } from "../ui/toast";

interface Write<V, R> {
  run: (values: V) => Promise<R>;
  /** What is said when it is done. */
  done?: string | ((result: R, values: V) => string);
  /** What is said when not: "The code was not revoked". Without it the caller shows the error. */
  failed?: string;
  /** The queries that show what was changed. */
  touches?: readonly QueryKey[];
  then?: (result: R, values: V) => void;
}

/** A change on the server that always ends in a visible result. */
export function useWrite<V = void, R = unknown>({ run, done, failed, touches = [], then }: Write<V, R>) {
  const client = useQueryClient();
  return useMutation<R, unknown, V>({
    mutationFn: run,
    onSuccess: (result, values) => {
      if (done) say(typeof done === "string" ? done : done(result, values));
      then?.(result, values);
    },
    onError: (error) => {
      if (failed) say(`${failed}. ${sentenceFor(error)}`, "bad");
    },
    onSettled: () => Promise.all(touches.map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

/** What the server said about one field. */
export function fieldProblem(error: unknown, field: string): string | undefined {
  return error instanceof ApiError ? error.fields.find((problem) => problem.field === field)?.detail : undefined;
}

/** What it said about the whole, unless it marked fields. */
export function formProblem(error: unknown): string | undefined {
  if (!error || (error instanceof ApiError && error.fields.length > 0)) return undefined;
  return sentenceFor(error);
}
