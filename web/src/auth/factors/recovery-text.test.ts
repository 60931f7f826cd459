import { expect, it } from "vitest";
import { deviceName } from "./device-name";
import { inFours, recoverySheet } from "./recovery-text";

it.each([
  ["ABCDEFGH", "ABCD EFGH"],
  ["ABCDE", "ABCD E"],
  ["abcd efgh ij", "abcd efgh ij"],
  ["", ""],
])("%j in fours is %j", (text, grouped) => expect(inFours(text)).toBe(grouped));

it("the sheet says whose codes these are, and each once", () => {
  const sheet = recoverySheet(["aaaa-bbbb", "cccc-dddd"], "maren@northgate.example", "Northgate", "1 May 2026");
  expect(sheet).toContain("maren@northgate.example");
  expect(sheet).toContain(" 1. aaaa-bbbb\n 2. cccc-dddd\n");
});

it.each([
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    "Chrome on Windows computer",
  ],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile Safari/604.1", "Safari on iPhone"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux computer"],
  ["curl/8", "This device"],
])("%s is %s", (agent, name) => expect(deviceName(agent)).toBe(name));
