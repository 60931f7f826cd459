/** Bytes and their texts, each with one spelling. */

import { Defect, type Reason } from "./reasons";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const sextets = new Map([...alphabet].map((letter, value) => [letter.charCodeAt(0), value]));

const encoder = new TextEncoder();

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** The text of the bytes, or `undefined` where they are not UTF-8. A byte order mark is kept: it is not white space. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Reads canonical base64 (RFC 4648, section 4) and refuses every other spelling: `atob` is too lenient. */
export function fromBase64(text: string): Uint8Array {
  const refused = () => new Defect("base64_not_canonical", "not canonical base64");
  if (text.length % 4 !== 0) throw refused();
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const letters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let group = 0;
  let bits = 0;
  let written = 0;
  for (let at = 0; at < letters; at += 1) {
    const sextet = sextets.get(text.charCodeAt(at));
    if (sextet === undefined) throw refused();
    group = ((group << 6) | sextet) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written] = (group >> bits) & 0xff;
      written += 1;
    }
  }
  const stray = group & ((1 << bits) - 1);
  if (stray !== 0 || written !== bytes.length) throw refused();
  return bytes;
}

/** Reads base64 of exactly `length` bytes; another length is refused with `reason`. */
export function fromBase64Of(text: string, length: number, reason: Reason): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes.length !== length) throw new Defect(reason, `expected ${length} bytes`);
  return bytes;
}
