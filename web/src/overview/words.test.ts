import { describe, expect, it } from "vitest";
import { attentionWords, overviewWords } from "./words";

const detail = "box: Nothing runs: the site is set to audit (linux.firewall.drop_by_default would run).";
const kinds = ["incident", "awaiting_approval", "escalated", "offline", "unmeasured", "something newer"];

describe("what a practice reads", () => {
  it.each(kinds)("names the IT provider and no technicians' words: %s", (kind) => {
    const words = attentionWords({ kind, detail }, "practice");
    expect(words.detail).toContain("our IT provider");
    expect(`${words.before}${words.detail}`).not.toMatch(/audit|runbook|linux|approve|escalated|rule/i);
  });

  it("calls repairs what they are", () => {
    expect(Object.values(overviewWords.practice.healing).join(" ")).not.toMatch(/heal|rule|observ|approval/i);
  });
});

it("gives those who run it the server's own words", () => {
  expect(attentionWords({ kind: "incident", detail }, "partner")).toEqual({ before: "Not met: ", detail });
  expect(attentionWords({ kind: "something newer", detail }, "platform")).toEqual({ before: "", detail });
});
