import { expect, it } from "vitest";
import { fileNameOf } from "./save";

it.each([
  ['attachment; filename="evidence.tar"', "evidence.tar"],
  ["attachment; filename=audit.csv", "audit.csv"],
  ['attachment; filename="../../etc/passwd"', "passwd"],
  ["attachment", undefined],
  [null, undefined],
])("%s names %s", (header, name) => expect(fileNameOf(header)).toBe(name));
