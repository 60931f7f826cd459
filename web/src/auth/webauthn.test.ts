import { describe, expect, it } from "vitest";
import { bytesOf, codeOf, textOf } from "./webauthn";

describe("bytes as text", () => {
  it.each([[[]], [[0]], [[251, 255, 254]], [[1, 2, 3, 4, 5]]])("%j comes back", (bytes) => {
    const text = textOf(Uint8Array.from(bytes).buffer);
    expect(text).toMatch(/^[\w-]*$/);
    expect([...bytesOf(text)]).toEqual(bytes);
  });
});

it.each([
  ["NotAllowedError", "passkey_cancelled"],
  ["AbortError", "passkey_cancelled"],
  ["InvalidStateError", "passkey_exists"],
  ["SecurityError", "passkey_unsupported"],
])("%s of the browser is %s", (name, code) => {
  expect(codeOf(Object.assign(new Error(), { name }))).toBe(code);
  expect(codeOf("nonsense")).toBe("passkey_cancelled");
});
