/** The mock's log is a real one: the browser's verifier accepts it, and refuses it once touched. */

import { describe, expect, it } from "vitest";
import { type Log, verify } from "../../src/proof/verification.ts";
import { entryOf, installation, logOf } from "./evidence.ts";
import { sites } from "./fleet.ts";

const site = sites[0] as (typeof sites)[number];
const log: Log = { installationId: installation.id, siteId: site.id };
const last = logOf(site).entries.length - 1;

const read = async (_: string, index: number) => {
  const entry = entryOf(site, index);
  if (!entry) throw new Error("no such entry");
  return structuredClone(entry);
};
const failing = async (entry: Awaited<ReturnType<typeof read>>, of: Log = log) => {
  const { ok, steps } = await verify(of, entry, read);
  expect(ok).toBe(steps.every((step) => step.ok));
  return steps.filter((step) => !step.ok).map((step) => step.title);
};

describe("an entry of every kind", () => {
  const kinds = new Set(logOf(site).entries.map((entry) => entry.row.kind));
  it.each([...kinds])("%s verifies", async (kind) => {
    const index = logOf(site).entries.findLastIndex((entry) => entry.row.kind === kind);
    expect(await failing(await read(site.id, index))).toEqual([]);
  });
});

describe("what somebody changed", () => {
  it("is noticed in the envelope", async () => {
    const entry = await read(site.id, last);
    const bytes = Buffer.from(entry.envelope_base64, "base64");
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    entry.envelope_base64 = bytes.toString("base64");
    expect((await failing(entry)).length).toBeGreaterThan(0);
  });

  it("is noticed in the position", async () => {
    const entry = await read(site.id, last);
    entry.index -= 1;
    expect(await failing(entry)).toContain("The entry stands at its position under that head");
  });

  it("is noticed when the log is another site's", async () => {
    expect(
      await failing(await read(site.id, last), { ...log, siteId: (sites[3] as (typeof sites)[number]).id }),
    ).not.toEqual([]);
  });
});

describe("the signer's key", () => {
  const keyStep = "The signer's key was in force at this position";

  it("must be enrolled in the log", async () => {
    const entry = await read(site.id, last);
    entry.key.enrolled_index = null;
    expect(await failing(entry)).toEqual([keyStep]);
  });

  it("must be enrolled before it signs", async () => {
    const entry = await read(site.id, 2);
    entry.key.enrolled_index = 3;
    expect(await failing(entry)).toEqual([keyStep]);
  });

  it("must be enrolled by an entry about this very key", async () => {
    const entry = await read(site.id, last);
    entry.key.enrolled_index = 1;
    expect(await failing(entry)).toEqual([keyStep]);
  });

  it("must not be revoked by then", async () => {
    const entry = await read(site.id, last);
    entry.key.revoked_index = 2;
    expect(await failing(entry)).toEqual([keyStep]);
    entry.key.revoked_index = last + 1;
    expect(await failing(entry)).toEqual([]);
  });
});
