/** Truly signed logs, as the server makes them and as a liar would: what the screen says is what is signed, or a step fails. */

import { QueryClient } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { b64, enrolled, hex, type Key, keyFrom, Log, rotated, sha256 } from "../../dev/mock/log.ts";
import { Random } from "../../dev/mock/random.ts";
import type { EvidenceEntry } from "../api/types";
import type { Body } from "./statement";
import { verificationQuery } from "./use-verification";
import { type Claim, verify } from "./verification";

const random = new Random(1);
const installationId = random.id("inst");
const siteId = random.id("site");
const [asset, otherAsset] = [random.id("asset"), random.id("asset")];
const [appliance, otherAppliance] = [random.id("app"), random.id("app")];
const now = Date.UTC(2026, 10, 28, 12);
const minute = 60_000;

const facts = keyFrom("facts", "server_facts");
const checkpoint = keyFrom("checkpoint", "checkpoint");
const box = keyFrom("box", "appliance", appliance);

const keyStep = "The signer's key was in force at this position";
const claimStep = "The entry says what the screen says";
const confirmationStep = "A verified entry confirms it at the time shown";
const headStep = "That head is not dated in the future";

const result = (check: string, verdict = "pass", observed = "no") => {
  return { check, verdict, expected: "no", observed, reason: "", location: "" };
};
const run = (results: ReturnType<typeof result>[], state: string | null = "a".repeat(64)): Body => {
  return { kind: "check_run", results, state };
};
const heartbeat: Body = { kind: "heartbeat", unchanged_since: 1, state: "a".repeat(64) };
const fact: Body = { kind: "server_fact", fact: "mode_changed", subject_id: "x", actor: "x", detail: "" };

/** Entries 0 to 3: the server's keys, that of the appliance, and its first run. */
function begun(): Log {
  const log = new Log(installationId, siteId, checkpoint);
  for (const key of [facts, checkpoint, box]) log.append(facts, now - 60 * minute, enrolled(key, ""));
  log.append(box, now - 55 * minute, run([result("linux.first")]), { asset: otherAsset });
  return log;
}

interface Change {
  claim?: Claim;
  /** What the API says otherwise of the entry at this position. */
  lie?: (entry: EvidenceEntry, index: number) => void;
  /** When the head is signed. */
  signed?: number;
}

async function stepsOf(log: Log, index: number, { claim, lie, signed = now }: Change = {}) {
  const read = async (_: string, at: number) => {
    const entry = log.entry(at, signed);
    if (!entry) throw new Error("no such entry");
    lie?.(entry, at);
    return entry;
  };
  const { ok, steps } = await verify({ installationId, siteId, index }, await read(siteId, index), claim, read, now);
  expect(ok).toBe(steps.every((step) => step.ok));
  return steps;
}

const failing = async (...args: Parameters<typeof stepsOf>) =>
  (await stepsOf(...args)).filter((step) => !step.ok).map((step) => step.title);
const detailOf = async (title: string, ...args: Parameters<typeof stepsOf>) =>
  (await stepsOf(...args)).find((step) => step.title === title)?.detail;

/** Whatever is said of the key of one entry. */
const keyOf =
  (of: number, key: Partial<EvidenceEntry["key"]>) =>
  (entry: EvidenceEntry, index: number): void => {
    if (index === of) Object.assign(entry.key, key);
  };

describe("what somebody changed", () => {
  const log = begun();

  it("is noticed in the envelope", async () => {
    const lie = (entry: EvidenceEntry) => {
      const bytes = Buffer.from(entry.envelope_base64, "base64");
      bytes[40] = (bytes[40] ?? 0) ^ 1;
      entry.envelope_base64 = b64(bytes);
    };
    expect(await failing(log, 3, { lie })).toContain("The entry stands at its position under that head");
  });

  it("is noticed when another entry is given than the one asked for", async () => {
    const instead = (of: number, other: number) => ({
      lie: (entry: EvidenceEntry, index: number) => void (index === of && Object.assign(entry, log.entry(other, now))),
    });
    expect(await failing(log, 3, instead(3, 2))).toContain("The entry stands at its position under that head");
    expect(await failing(log, 3, instead(2, 3))).toEqual([keyStep]);
  });

  it("is noticed when the log is another site's", async () => {
    const entry = log.entry(0, now) as EvidenceEntry;
    const place = { installationId, siteId: random.id("site"), index: 0 };
    expect((await verify(place, entry, undefined, undefined, now)).ok).toBe(false);
  });
});

describe("the keys", () => {
  const vkey = (publicKey: Buffer) => {
    const hash = hex(sha256(`${installationId}\n`, Buffer.from([1]), publicKey).subarray(0, 4));
    return `${installationId}+${hash}+${b64(Buffer.concat([Buffer.from([1]), publicKey]))}`;
  };
  const weak = Buffer.alloc(32);
  weak[0] = 1;

  it.each([
    ["malformed", "no key", "The keys are sound"],
    ["weak", vkey(weak), "The keys are sound"],
    ["another's", vkey(facts.publicKey), "The log's head carries the signature of the log"],
  ])("of the log fail by name where the line is %s", async (_, line, title) => {
    const lie = ({ checkpoint_key }: EvidenceEntry) => {
      checkpoint_key.vkey = line;
    };
    expect((await failing(begun(), 0, { lie }))[0]).toBe(title);
  });

  it("of the signer fail by name where they are weak", async () => {
    expect((await failing(begun(), 2, { lie: keyOf(2, { public_key_base64: b64(weak) }) }))[0]).toBe(
      "The keys are sound",
    );
  });
});

describe("the head's time", () => {
  it("may be ahead by five minutes and no more", async () => {
    expect(await failing(begun(), 2, { signed: now + 5 * minute })).toEqual([]);
    // The entries that enrol the key are under that head too.
    expect(await failing(begun(), 2, { signed: now + 5 * minute + 1000 })).toEqual([headStep, keyStep]);
    expect(await failing(begun(), 0, { signed: Date.UTC(2033, 0) })).toEqual([headStep]);
  });
});

describe("the signer's key", () => {
  /** A log that ends with what the key states. */
  const ending = (key: Key, body: Body, about?: Parameters<Log["append"]>[3]) => {
    const log = begun();
    const { index } = log.append(key, now - 30 * minute, body, about);
    return [log, index] as const;
  };

  it.each([0, 1, 2])("of the server is stated by the log itself: entry %i", async (index) => {
    expect(await failing(begun(), index)).toEqual([]);
  });

  it("is the appliance's, as far as the server reports", async () => {
    const [log, index] = ending(box, heartbeat, { asset });
    expect(await failing(log, index)).toEqual([]);
    expect(await detailOf(keyStep, log, index)).toBe("enrolled at entry 2, which verifies; no revocation reported");
  });

  it.each([
    ["the server's", facts],
    ["the log's", checkpoint],
  ])("of an appliance is not %s", async (_, key) => {
    expect(await failing(...ending(key, run([]), { asset, appliance }))).toEqual([keyStep]);
  });

  it("of an appliance is not another appliance's", async () => {
    const other = keyFrom("other", "appliance", otherAppliance);
    const log = begun();
    log.append(facts, now - 31 * minute, enrolled(other, ""));
    const { index } = log.append(other, now - 30 * minute, run([]), { asset, appliance });
    expect(await failing(log, index)).toEqual([keyStep]);
    const lie = keyOf(index, { holder: appliance });
    expect(await failing(log, index, { lie })).toEqual([keyStep]);
  });

  it.each([
    ["an appliance's", box],
    ["the log's", checkpoint],
  ])("of the server is not %s", async (_, key) => {
    const [log, index] = ending(key, fact, { appliance: null });
    expect(await failing(log, index)).toEqual([keyStep]);
    const lie = keyOf(index, { role: "server_facts", holder: null });
    expect(await failing(log, index, { lie })).toEqual([keyStep]);
  });

  it.each([
    ["an appliance", box, heartbeat],
    ["the server", facts, fact],
  ])("of %s must be enrolled in the log", async (_, key, body) => {
    const [log, index] = ending(key, body);
    expect(await failing(log, index, { lie: keyOf(index, { enrolled_index: null }) })).toEqual([keyStep]);
  });

  it("must be enrolled by an entry whose own key is enrolled", async () => {
    const [log, index] = ending(box, heartbeat);
    expect(await failing(log, index, { lie: keyOf(2, { enrolled_index: null }) })).toEqual([keyStep]);
  });

  it("must be enrolled before it signs, by an entry about this very key", async () => {
    const [log, index] = ending(box, heartbeat);
    log.append(facts, now - 20 * minute, enrolled(box, ""));
    for (const enrolled_index of [0, 1, 3, index, index + 1]) {
      expect(await failing(log, index, { lie: keyOf(index, { enrolled_index }) })).toEqual([keyStep]);
    }
  });

  it("is not stated by an entry that says something else", async () => {
    const log = new Log(installationId, siteId, checkpoint);
    log.append(facts, now - 60 * minute, fact);
    expect(await failing(log, 0, { lie: keyOf(0, { enrolled_index: 0 }) })).toEqual([keyStep]);
  });

  it("is not stated by an entry within the log", async () => {
    const [log, index] = ending(facts, fact);
    expect(await failing(log, index, { lie: keyOf(index, { enrolled_index: index }) })).toEqual([keyStep]);
    expect(await failing(log, 2, { lie: keyOf(2, { enrolled_index: 2 }) })).toEqual([keyStep]);
  });

  it("is not stated by an appliance itself", async () => {
    const log = new Log(installationId, siteId, checkpoint);
    log.append(box, now - 60 * minute, enrolled(box, ""), { appliance: null });
    expect(await failing(log, 0)).toEqual([keyStep]);
  });

  it("is not enrolled by a key that nobody enrolled", async () => {
    const log = begun();
    const rogue = keyFrom("rogue", "server_facts");
    const bought = keyFrom("bought", "appliance", otherAppliance);
    const stated = log.append(rogue, now - 40 * minute, enrolled(rogue, "")).index;
    const enrolling = log.append(rogue, now - 35 * minute, enrolled(bought, "")).index;
    const { index } = log.append(bought, now - 30 * minute, run([]), { asset });
    expect(await failing(log, stated)).toEqual([keyStep]);
    expect(await failing(log, enrolling)).toEqual([keyStep]);
    expect(await failing(log, index)).toEqual([keyStep]);
  });

  it("must not be revoked by then", async () => {
    const [log, index] = ending(box, heartbeat, { asset });
    expect(await failing(log, index, { lie: keyOf(index, { revoked_index: 2 }) })).toEqual([keyStep]);
    expect(await failing(log, index, { lie: keyOf(index, { revoked_index: index + 1 }) })).toEqual([]);
  });
});

describe("the server's keys, over a change", () => {
  const [laterFacts, laterCheckpoint] = [keyFrom("later facts", "server_facts"), keyFrom("later", "checkpoint")];
  const head = "The log's head carries the signature of the log";

  /** Both change half an hour ago. */
  function changed(): Log {
    const log = begun();
    log.append(facts, now - 30 * minute, rotated(laterFacts, ""));
    log.append(laterFacts, now - 29 * minute, rotated(laterCheckpoint, ""));
    log.append(laterFacts, now - 28 * minute, fact);
    log.append(box, now - 27 * minute, heartbeat, { asset: otherAsset });
    log.changeOver(laterCheckpoint, now - 30 * minute, now + 30 * minute);
    return log;
  }

  it("are followed from the first ones", async () => {
    const log = changed();
    for (const { row } of log.entries) expect(await failing(log, row.index), `entry ${row.index}`).toEqual([]);
    expect(await detailOf("The keys are sound", log, 0)).toContain("and its successor");
  });

  it("are not believed without the statement of the key before", async () => {
    const log = changed();
    const without = (entry: EvidenceEntry) => void (entry.checkpoint_successors = []);
    expect(await detailOf(head, log, 3, { lie: without })).toContain("No successor statement leads to a key");
    const forged = (entry: EvidenceEntry) => {
      entry.checkpoint_successors = entry.checkpoint_successors.map((said) =>
        said.replace(/"sig":"..../, '"sig":"AAAA'),
      );
    };
    expect(await detailOf("The keys are sound", log, 3, { lie: forged })).toContain(
      "A successor statement was not made",
    );
  });

  it("sign only in their time", async () => {
    const log = changed();
    const early = now - 31 * minute;
    expect(await detailOf(head, log, 3, { signed: early })).toContain("before its time or after its end");
    const ended = begun();
    ended.changeOver(laterCheckpoint, now - 90 * minute, now - 60 * minute);
    const old = begun();
    const lie = (entry: EvidenceEntry, index: number) => {
      entry.checkpoint.note = old.entry(index, now)?.checkpoint.note ?? "";
    };
    expect(await detailOf(head, ended, 3, { lie })).toContain("before its time or after its end");
  });

  it("state nothing where they were not named yet, or are named by themselves", async () => {
    const log = begun();
    const rogue = log.append(laterFacts, now - 30 * minute, rotated(laterFacts, "")).index;
    const behind = log.append(laterFacts, now - 29 * minute, fact).index;
    expect(await failing(log, rogue)).toEqual([keyStep]);
    expect(await failing(log, behind)).toEqual([keyStep]);
  });
});

/** What the screen says of `check`, as the entry at `index` says it. */
const claimOf = (at: number, index: number, says = result("linux.a")): Claim => ({
  assetId: asset,
  checkId: says.check,
  verdict: says.verdict,
  expected: says.expected,
  observed: says.observed,
  confirmedAt: new Date(at).toISOString(),
  confirmedIndex: index,
});

describe("what the screen says", () => {
  const at = now - 20 * minute;
  const verdicts = ["pass", "fail", "unknown", "error", "not_applicable"];

  describe.each(verdicts)("%s", (verdict) => {
    const log = begun();
    const says = result("linux.a", verdict, `found ${verdict}`);
    const { index } = log.append(box, at, run([says, result("linux.b")]), { asset });
    const claim = claimOf(at, index, says);

    it("is what the entry says", async () => {
      expect(await failing(log, index, { claim })).toEqual([]);
    });

    it.each<[string, Partial<Claim>]>([
      ["verdict", { verdict: verdicts.find((other) => other !== verdict) ?? "" }],
      ["observed value", { observed: "" }],
      ["expected value", { expected: "yes" }],
      ["machine", { assetId: otherAsset }],
      ["check", { checkId: "linux.c" }],
    ])("is not another %s", async (_, other) => {
      expect(await failing(log, index, { claim: { ...claim, ...other } })).toContain(claimStep);
    });
  });

  it("is not said by an entry that does not name the check", async () => {
    const log = begun();
    const { index } = log.append(box, at, heartbeat, { asset });
    const claim = claimOf(at, index);
    expect(await failing(log, index, { claim })).toEqual([claimStep]);
    expect(await detailOf(claimStep, log, index, { claim })).toBe("the signed statement does not name linux.a");
  });

  it("is not held against an entry that does not verify", async () => {
    const log = begun();
    const { index } = log.append(box, at, run([result("linux.a")]), { asset });
    const lie = keyOf(index, { enrolled_index: null });
    expect(await failing(log, index, { claim: claimOf(at, index), lie })).toEqual([
      keyStep,
      claimStep,
      confirmationStep,
    ]);
  });
});

describe("when it was last confirmed", () => {
  const before = now - 50 * minute;
  const at = now - 20 * minute;

  /** A log in which the screen's entry is followed by the one that is to confirm it. */
  const confirmedBy = (body: Body, about: Parameters<Log["append"]>[3] = { asset }) => {
    const log = begun();
    const says = log.append(box, before, run([result("linux.a")]), { asset }).index;
    const confirms = log.append(box, at, body, about).index;
    return { log, says, claim: claimOf(at, confirms) };
  };

  it.each([
    ["a heartbeat", heartbeat],
    ["a run that sums up the whole state", run([result("linux.b")])],
    ["a run that names the check again", run([result("linux.a")], null)],
  ])("is signed by %s", async (_, body) => {
    const { log, says, claim } = confirmedBy(body);
    expect(await failing(log, says, { claim })).toEqual([]);
    expect(await detailOf(confirmationStep, log, says, { claim })).toBe("entry 5 is of 2026-11-28T11:40:00Z");
  });

  it.each([
    ["a heartbeat of another machine", heartbeat, { asset: otherAsset }],
    ["a run of another machine that names the check", run([result("linux.a")]), { asset: otherAsset }],
    ["a part of a run", run([result("linux.b")], null), { asset }],
    ["a run that says another verdict", run([result("linux.a", "fail")]), { asset }],
    ["a run that observed something else", run([result("linux.a", "pass", "other")]), { asset }],
    [
      "a gap",
      { kind: "gap", first_seq: 3, last_seq: 3, from: "2026-11-28T11:00:00Z", to: "2026-11-28T11:00:00Z", reason: "" },
      { asset },
    ],
  ] satisfies [string, Body, object][])("is not signed by %s", async (_, body, about) => {
    const { log, says, claim } = confirmedBy(body, about);
    expect(await failing(log, says, { claim })).toEqual([confirmationStep]);
  });

  it("is at most five minutes later than signed", async () => {
    const { log, says, claim } = confirmedBy(heartbeat);
    const shown = (ms: number) => ({ claim: { ...claim, confirmedAt: new Date(ms).toISOString() } });
    expect(await failing(log, says, shown(at + 5 * minute))).toEqual([]);
    expect(await failing(log, says, shown(at + 5 * minute + 1000))).toEqual([confirmationStep]);
    expect(await failing(log, says, { claim: { ...claim, confirmedAt: null } })).toEqual([confirmationStep]);
  });

  it("is that of the entry itself where no later one is named", async () => {
    const { log, says, claim } = confirmedBy(heartbeat);
    const itself = { ...claim, confirmedIndex: says };
    expect(await failing(log, says, { claim: itself })).toEqual([confirmationStep]);
    const then = { ...itself, confirmedAt: new Date(before).toISOString() };
    expect(await failing(log, says, { claim: then })).toEqual([]);
  });

  it("is not signed before the verdict was", async () => {
    const log = begun();
    const confirms = log.append(box, at, heartbeat, { asset }).index;
    const says = log.append(box, at, run([result("linux.a")]), { asset }).index;
    expect(await failing(log, says, { claim: claimOf(at, confirms) })).toEqual([confirmationStep]);
  });

  it("takes an entry that verifies, its signer's key included", async () => {
    const { log, says, claim } = confirmedBy(heartbeat);
    const other = (entry: EvidenceEntry, index: number) => {
      if (index === claim.confirmedIndex) entry.envelope_base64 = (log.entry(says) as EvidenceEntry).envelope_base64;
    };
    expect(await failing(log, says, { claim, lie: other })).toEqual([confirmationStep]);
    const lie = keyOf(claim.confirmedIndex, { enrolled_index: null });
    expect(await failing(log, says, { claim, lie })).toEqual([confirmationStep]);
  });

  it("is no verdict at all where the entry cannot be had", async () => {
    const { log, says, claim } = confirmedBy(heartbeat);
    await expect(stepsOf(log, says, { claim: { ...claim, confirmedIndex: 99 } })).rejects.toThrow("no such entry");
  });
});

describe("a kept verdict", () => {
  const log = begun();
  const entry = log.entry(0) as EvidenceEntry;
  const place = { installationId, siteId, index: 0 };
  const claim = claimOf(now, 0);
  const { key, checkpoint: head, checkpoint_key } = entry;

  it("is shown for what was verified and for nothing else", async () => {
    const client = new QueryClient();
    const kept = (...args: Parameters<typeof verificationQuery>) =>
      client.getQueryData(verificationQuery(...args).queryKey);
    await client.fetchQuery(verificationQuery(place, entry, claim));
    expect(kept(structuredClone(place), structuredClone(entry), { ...claim })).toBeDefined();

    const others: EvidenceEntry[] = [
      { ...entry, envelope_base64: "" },
      { ...entry, inclusion_proof: [] },
      { ...entry, checkpoint: { ...head, note: "" } },
      { ...entry, checkpoint_key: { ...checkpoint_key, vkey: "" } },
      { ...entry, checkpoint_successors: [""] },
      { ...entry, key: { ...key, public_key_base64: "" } },
      { ...entry, key: { ...key, key_id: "" } },
      { ...entry, key: { ...key, role: "" } },
      { ...entry, key: { ...key, holder: "" } },
      { ...entry, key: { ...key, enrolled_index: null } },
      { ...entry, key: { ...key, revoked_index: 0 } },
    ];
    for (const other of others) expect(kept(place, other, claim)).toBeUndefined();
    for (const field of Object.keys(claim)) expect(kept(place, entry, { ...claim, [field]: "" })).toBeUndefined();
    for (const field of Object.keys(place)) expect(kept({ ...place, [field]: "" }, entry, claim)).toBeUndefined();
    expect(kept(place, entry)).toBeUndefined();
  });
});
