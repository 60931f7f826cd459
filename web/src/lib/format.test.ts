import { describe, expect, it } from "vitest";
import { bytes, count, milliseconds, percent, plural, scoreText, seconds, shortDigest, shortId } from "./format";

describe("percent", () => {
  it.each([
    [0, "0 %"],
    [0.0001, "1 %"],
    [0.5, "50 %"],
    [0.9999, "99 %"],
    [1, "100 %"],
  ])("%d is %s", (fraction, text) => expect(percent(fraction)).toBe(text));
});

describe("a score", () => {
  it.each([
    [0, "0"],
    [93.44, "93.4"],
    [99.97, "99.9"],
    [100, "100"],
  ])("%d is %s", (score, text) => expect(scoreText(score)).toBe(text));
});

it("groups and pluralises", () => {
  expect(count(18204)).toBe("18,204");
  expect([plural(1, "entry", "entries"), plural(0, "site"), plural(1200, "site")]).toEqual([
    "1 entry",
    "0 sites",
    "1,200 sites",
  ]);
});

it("chooses units", () => {
  expect([bytes(0), bytes(999), bytes(412_384_256)]).toEqual(["0 B", "999 B", "412.4 MB"]);
  expect([milliseconds(6), milliseconds(1840)]).toEqual(["6 ms", "1.8 s"]);
  expect([seconds(60), seconds(300), seconds(3600), seconds(86_400), seconds(189_388_800)]).toEqual([
    "60 s",
    "5 min",
    "60 min",
    "24 h",
    "2,192 days",
  ]);
});

it("shortens without losing the ends", () => {
  expect(shortDigest("0123456789abcdef0123456789abcdef")).toBe("012345…abcdef");
  expect(shortDigest("abcdef")).toBe("abcdef");
  expect(shortId("site_01c7w5d7k7qss8fh2c0rfgg0vj")).toBe("site_…gg0vj".replace("gg0vj", "fgg0vj"));
});
