/** Reads the query part of an address. Whatever does not fit is left out, never an error. */

type Raw = Record<string, unknown>;

export const text = (raw: Raw, name: string): string | undefined => {
  const value = raw[name];
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
};

export function oneOf<const T extends string>(raw: Raw, name: string, options: readonly T[]): T | undefined {
  return options.find((option) => option === raw[name]);
}

/** RFC 3339 as a time that exists. */
export const moment = (raw: Raw, name: string): string | undefined => {
  const value = text(raw, name);
  return value && !Number.isNaN(Date.parse(value)) ? value : undefined;
};

/** Leaves out what is undefined, so that it does not show in the address. */
export function defined<T extends Raw>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as never;
}
