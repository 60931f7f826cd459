/** The texts in statements that have a form: digests, ids, times, names. Each reader gives `undefined` for what has not. */

import { utf8 } from "./bytes";

/** A SHA-256 in 64 lower-case hexadecimal letters. */
export const digest = (text: string): string | undefined => (/^[0-9a-f]{64}$/.test(text) ? text : undefined);

/** `prefix_` and 26 letters of Crockford's base32, of which the first carries three bits. */
export const id =
  (prefix: string) =>
  (text: string): string | undefined =>
    text.startsWith(`${prefix}_`) && /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(text.slice(prefix.length + 1))
      ? text
      : undefined;

/** One of the words. */
export const oneOf =
  <W extends string>(...words: readonly W[]) =>
  (text: string): W | undefined =>
    words.find((word) => word === text);

/** 1 to 256 visible ASCII characters. */
export const name = (text: string): string | undefined => (/^[!-~]{1,256}$/.test(text) ? text : undefined);

/** At most 2 KiB, no NUL. */
export const free = (text: string): string | undefined =>
  !text.includes("\0") && utf8(text).length <= 2048 ? text : undefined;

const timePattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}|\d{6}))?Z$/;

/**
 * Microseconds since 1970 of a time in canonical RFC 3339: UTC, a fraction of three or six digits only where it is not
 * zero, years 1970 to 9999.
 */
export function time(text: string): bigint | undefined {
  const match = timePattern.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const fraction = match[7] ?? "";
  const padded = fraction.length === 6 && fraction.endsWith("000");
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || padded || (fraction !== "" && Number(fraction) === 0)) return undefined;
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
}

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}
