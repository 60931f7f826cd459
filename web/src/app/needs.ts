/** What a page needs, asked before anything of it is loaded: a refusal by the server is a line in its audit log. */

interface Opening {
  context: { may: (action: string) => boolean };
}

export class NotForRole extends Error {}

/** Refuses to open the page to whoever may do none of these. */
export const needs =
  (...actions: readonly string[]) =>
  ({ context }: Opening): void => {
    if (!actions.some(context.may)) throw new NotForRole();
  };
