/** Reads the query part of an address. Whatever does not fit is left out, never an error. */

type Raw = Record<string, unknown>;

export const text = (raw: Raw, name: string): string | undefined => {
  const value = raw[name];
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
};

export function oneOf<const T extends string>(raw: Raw, name: string, options: readonly T[]): T | undefined {
  return options.find((option) => option === raw[name]);
}

/** A position in a log, as it stands in an address. */
export const isIndex = (text: string): boolean => /^\d+$/.test(text) && Number.isSafeInteger(Number(text));

/** RFC 3339 as a time that exists. */
export const moment = (raw: Raw, name: string): string | undefined => {
  const value = text(raw, name);
  return value && !Number.isNaN(Date.parse(value)) ? value : undefined;
};

/**
 * What a page takes from its address. What does not fit stays in it as undefined, and shows in no address: left out, the
 * router would put back what the address says.
 */
export function checked<T extends Raw>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return search as never;
}
