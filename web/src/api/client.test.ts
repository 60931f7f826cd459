import { describe, expect, it } from "vitest";
import { urlOf } from "./client";

describe("an address", () => {
  it("fills and escapes path parameters", () => {
    expect(urlOf("/api/sites/{site_id}/evidence/{index}", { site_id: "a/b?c", index: 0 })).toBe(
      "/api/sites/a%2Fb%3Fc/evidence/0",
    );
  });

  it("refuses a missing one", () => {
    expect(() => urlOf("/api/sites/{site_id}", {})).toThrow();
  });

  it("leaves out what is empty, keeps zero and false", () => {
    expect(urlOf("/api/x", undefined, { a: "", b: undefined, c: null, d: 0, e: false, f: "x y&z" })).toBe(
      "/api/x?d=0&e=false&f=x+y%26z",
    );
  });
});
