import { expect, it } from "vitest";
import { presenceOf } from "./presence";

it.each(["stale", "offline", "pending", "revoked", "none", "", "ONLINE", "toString", "unheard_of"])(
  "%j is never online",
  (status) => {
    expect(presenceOf(status)).not.toBe("online");
  },
);
