/**
 * The typed face of `http.ts`: paths, parameters and answers come from the generated schema, so
 * a route that the server renames or drops does not compile here.
 */

import { request } from "./http";
import { checkShape, type Shape } from "./shape";
import type { Paths } from "./types";

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof Paths]: Paths[P] extends Record<M, object> ? P : never;
}[keyof Paths];

type Operation<P extends keyof Paths, M extends Method> = Paths[P] extends Record<M, infer O> ? O : never;
type Parameters<O, Kind extends "path" | "query"> = O extends { parameters: { [K in Kind]?: infer V } } ? V : never;
type BodyOf<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;
type Content<R> = R extends { content: { "application/json": infer C } } ? C : undefined;
type AnswerOf<O> = O extends { responses: infer R }
  ? { [Status in keyof R]: Status extends 200 | 201 | 202 | 204 ? Content<R[Status]> : never }[keyof R]
  : never;

type PathOption<V> = [V] extends [never] | [undefined] ? { path?: never } : { path: V };
type QueryOption<V> = [V] extends [never] ? { query?: never } : { query?: V };
type BodyOption<V> = [V] extends [never] | [undefined]
  ? { body?: never }
  : unknown extends V
    ? { body?: V }
    : { body: V };

type ReadOptions<P extends keyof Paths> = PathOption<Parameters<Operation<P, "get">, "path">> &
  QueryOption<Parameters<Operation<P, "get">, "query">> & { signal?: AbortSignal };
type WriteOptions<P extends keyof Paths, M extends Method> = PathOption<Parameters<Operation<P, M>, "path">> &
  BodyOption<BodyOf<Operation<P, M>>>;

/** What `GET path` answers. */
export type Answer<P extends PathsWith<"get">> = AnswerOf<Operation<P, "get">>;

export const api = {
  /** Reads; an answer without the outer shape is refused as malformed. */
  async get<P extends PathsWith<"get">>(path: P, shape: Shape, options: ReadOptions<P>): Promise<Answer<P>> {
    const answer = await request<Answer<P>>(urlOf(path, options.path, options.query), { signal: options.signal });
    checkShape(answer, shape);
    return answer;
  },
  post<P extends PathsWith<"post">>(path: P, options: WriteOptions<P, "post">) {
    return write<AnswerOf<Operation<P, "post">>>("POST", path, options);
  },
  put<P extends PathsWith<"put">>(path: P, options: WriteOptions<P, "put">) {
    return write<AnswerOf<Operation<P, "put">>>("PUT", path, options);
  },
  patch<P extends PathsWith<"patch">>(path: P, options: WriteOptions<P, "patch">) {
    return write<AnswerOf<Operation<P, "patch">>>("PATCH", path, options);
  },
  delete<P extends PathsWith<"delete">>(path: P, options: WriteOptions<P, "delete">) {
    return write<AnswerOf<Operation<P, "delete">>>("DELETE", path, options);
  },
};

function write<T>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  options: { path?: unknown; body?: unknown },
): Promise<T> {
  return request<T>(urlOf(path, options.path), { method, body: options.body });
}

/** Fills `{name}` and appends the query; `undefined` and empty values are left out. */
export function urlOf(template: string, path?: unknown, query?: unknown): string {
  const values = (path ?? {}) as Record<string, string | number>;
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {${name}} in ${template}`);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}
