/**
 * A strict JSON reader for bytes that were signed.
 *
 * `JSON.parse` keeps the last of two equal keys, reads 1.0 as 1 and lets lone surrogates through; each of these would let
 * two readers see two statements in one signed text. White space and the order of keys are free: the bytes are what was
 * signed. The decisions are those of the Rust reader, down to which defect is named first.
 */

import { fromUtf8 } from "./bytes";
import { Defect, type Reason } from "./reasons";

export type Value = null | boolean | number | string | Value[] | Map<string, Value>;

const maxDepth = 12;
const maxMembers = 64;

/** Reads exactly one JSON value from at most `maxBytes` bytes. */
export function readJson(bytes: Uint8Array, maxBytes: number): Value {
  if (bytes.length > maxBytes) throw new Defect("json_too_large", `more than ${maxBytes} bytes`);
  const text = fromUtf8(bytes);
  if (text === undefined) throw new Defect("json_not_utf8", "not UTF-8");
  return new Reader(text).whole();
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Value {
    this.skipSpace();
    const value = this.value(0);
    this.skipSpace();
    if (this.at < this.text.length) throw this.refuse("json_trailing_bytes");
    return value;
  }

  private refuse(reason: Reason): Defect {
    return new Defect(reason, `at character ${this.at}`);
  }

  private peek(): string {
    return this.text.charAt(this.at);
  }

  private skipSpace(): void {
    while (this.at < this.text.length && " \t\n\r".includes(this.peek())) this.at += 1;
  }

  private expect(letter: string): void {
    if (this.peek() !== letter) throw this.refuse("json_syntax");
    this.at += 1;
  }

  /** Whether another element follows; if not, the closing bracket has been read. */
  private another(close: string): boolean {
    this.skipSpace();
    if (this.peek() === ",") {
      this.at += 1;
      return true;
    }
    this.expect(close);
    return false;
  }

  private value(depth: number): Value {
    const letter = this.peek();
    if (letter === "{") return this.object(depth);
    if (letter === "[") return this.list(depth);
    if (letter === '"') return this.string();
    if (letter === "-" || isDigit(letter)) return this.number();
    if (letter === "t") return this.word("true", true);
    if (letter === "f") return this.word("false", false);
    if (letter === "n") return this.word("null", null);
    throw this.refuse("json_syntax");
  }

  private word(word: string, value: Value): Value {
    if (!this.text.startsWith(word, this.at)) throw this.refuse("json_syntax");
    this.at += word.length;
    return value;
  }

  private object(depth: number): Value {
    if (depth >= maxDepth) throw this.refuse("json_too_deep");
    this.at += 1;
    const members = new Map<string, Value>();
    this.skipSpace();
    if (this.peek() === "}") {
      this.at += 1;
      return members;
    }
    do {
      this.skipSpace();
      const key = this.string();
      if (members.has(key)) throw this.refuse("json_duplicate_key");
      if (members.size === maxMembers) throw this.refuse("json_too_large");
      this.skipSpace();
      this.expect(":");
      this.skipSpace();
      members.set(key, this.value(depth + 1));
    } while (this.another("}"));
    return members;
  }

  private list(depth: number): Value {
    if (depth >= maxDepth) throw this.refuse("json_too_deep");
    this.at += 1;
    const elements: Value[] = [];
    this.skipSpace();
    if (this.peek() === "]") {
      this.at += 1;
      return elements;
    }
    do {
      this.skipSpace();
      elements.push(this.value(depth + 1));
    } while (this.another("]"));
    return elements;
  }

  private number(): number {
    const begin = this.at;
    if (this.peek() === "-") this.at += 1;
    const digits = this.at;
    while (isDigit(this.peek())) this.at += 1;
    if (digits === this.at) throw this.refuse("json_syntax");
    if (this.text.charAt(digits) === "0" && this.at - digits > 1) throw this.refuse("json_syntax");
    const number = Number(this.text.slice(begin, this.at));
    const next = this.peek();
    const floating = next === "." || next === "e" || next === "E";
    if (floating || !Number.isSafeInteger(number) || Object.is(number, -0)) throw this.refuse("json_number");
    return number;
  }

  private string(): string {
    this.expect('"');
    let text = "";
    let plain = this.at;
    for (;;) {
      const letter = this.peek();
      if (letter === '"') {
        text += this.text.slice(plain, this.at);
        this.at += 1;
        return text;
      }
      if (letter === "\\") {
        text += this.text.slice(plain, this.at);
        this.at += 1;
        text += this.escape();
        plain = this.at;
      } else if (letter >= " ") {
        this.at += 1;
      } else {
        throw this.refuse("json_syntax"); // a control character, or the end
      }
    }
  }

  private escape(): string {
    const letter = this.peek();
    if (letter === "u") {
      this.at += 1;
      return this.unicodeEscape();
    }
    const meant = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
    if (meant === undefined) throw this.refuse("json_syntax");
    this.at += 1;
    return meant;
  }

  private unicodeEscape(): string {
    const first = this.fourHex();
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    // A surrogate: only a high one with its low one behind it is a character.
    if (first >= 0xdc00 || !this.text.startsWith("\\u", this.at)) throw this.refuse("json_syntax");
    this.at += 2;
    const second = this.fourHex();
    if (second < 0xdc00 || second > 0xdfff) throw this.refuse("json_syntax");
    return String.fromCharCode(first, second);
  }

  private fourHex(): number {
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.refuse("json_syntax");
    this.at += 4;
    return Number.parseInt(digits, 16);
  }
}

const isDigit = (letter: string): boolean => letter >= "0" && letter <= "9" && letter.length === 1;
