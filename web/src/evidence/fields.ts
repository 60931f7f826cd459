/** Taking the fields of an object one by one, so that what is left over is what nobody knows. */

import type { Value } from "./json";
import { Defect } from "./reasons";

export function asText(value: Value, field: string): string {
  if (typeof value !== "string") throw new Defect("field_type", `\`${field}\` is not a string`);
  return value;
}

export function asInteger(value: Value, field: string): number {
  if (typeof value !== "number") throw new Defect("field_type", `\`${field}\` is not a whole number`);
  return value;
}

export function asList(value: Value, field: string): Value[] {
  if (!Array.isArray(value)) throw new Defect("field_type", `\`${field}\` is not a list`);
  return value;
}

export class Fields {
  private readonly what: string;
  private readonly members: Map<string, Value>;

  constructor(value: Value, what: string) {
    if (!(value instanceof Map)) throw new Defect("field_type", `\`${what}\` is not an object`);
    this.what = what;
    this.members = value;
  }

  take(field: string): Value {
    const value = this.members.get(field);
    if (value === undefined) throw new Defect("field_missing", `\`${this.what}.${field}\``);
    this.members.delete(field);
    return value;
  }

  text(field: string): string {
    return asText(this.take(field), field);
  }

  /** A text that `read` understands; it returns `undefined` for what it does not. */
  parsed<T>(field: string, read: (text: string) => T | undefined): T {
    return parse(field, this.text(field), read);
  }

  /** The same, or `null`. */
  parsedNullable<T>(field: string, read: (text: string) => T | undefined): T | null {
    const value = this.take(field);
    return value === null ? null : parse(field, asText(value, field), read);
  }

  /** A whole number of at least `min`. */
  count(field: string, min: number): number {
    const number = asInteger(this.take(field), field);
    if (number < min) throw new Defect("field_value", `\`${field}\` is less than ${min}`);
    return number;
  }

  /** A list of at most `max` elements. */
  list<T>(field: string, max: number, element: (value: Value) => T): T[] {
    const elements = asList(this.take(field), field);
    if (elements.length > max) throw new Defect("field_value", `\`${field}\` has more than ${max} elements`);
    return elements.map(element);
  }

  /** Refuses whatever was not taken. */
  finish(): void {
    if (this.members.size > 0) throw new Defect("field_unknown", `${this.members.size} unknown in \`${this.what}\``);
  }
}

function parse<T>(field: string, text: string, read: (text: string) => T | undefined): T {
  const value = read(text);
  if (value === undefined) throw new Defect("field_value", `\`${field}\``);
  return value;
}
