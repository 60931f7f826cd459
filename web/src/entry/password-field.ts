import type { FieldSpec } from "./form";

/** What the server asks of a password that is new. */
export const passwordMinLength = 12;

export const newPasswordField = (label: string): FieldSpec => ({
  name: "password",
  label,
  type: "password",
  autocomplete: "new-password",
  minLength: passwordMinLength,
  hint: `${passwordMinLength} characters or more. A few unrelated words are good; spaces are allowed.`,
});
