/**
 * A look at the outer shape of an answer before any screen uses it. An answer of another shape is
 * an error like any other, with words and a retry, instead of a fault somewhere in the drawing.
 */

import { ApiError } from "./errors";

/** The fields that must be there, and whether each is a list or an object. */
export type Shape = Record<string, "list" | "object">;

export const listing: Shape = { items: "list" };

export function checkShape(answer: unknown, shape: Shape): void {
  for (const [field, kind] of Object.entries(shape)) {
    const value =
      typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>)[field] : undefined;
    const fits =
      kind === "list" ? Array.isArray(value) : typeof value === "object" && value !== null && !Array.isArray(value);
    if (!fits)
      throw new ApiError("malformed", { detail: `${field} is not a${kind === "list" ? " list" : "n object"}` });
  }
}
