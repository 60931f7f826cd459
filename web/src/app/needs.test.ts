import { expect, it } from "vitest";
import { needs, NotForRole } from "./needs";

const who = (...permissions: string[]) => ({ context: { may: (action: string) => permissions.includes(action) } });

it("opens to whoever may do one of what the page is for, and to nobody else", () => {
  const open = needs("settings.read", "token.read");
  expect(() => open(who("token.read"))).not.toThrow();
  expect(() => open(who("site.read"))).toThrow(NotForRole);
});
