import { describe, expect, it } from "vitest";
import { ApiError } from "../api/errors";
import { connectLive, type LiveStatus } from "./connection";

/** A stream that the test writes to and closes. */
function source() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (controller = c) });
  return {
    response: new Response(body),
    write: (text: string) => controller.enqueue(new TextEncoder().encode(text)),
    end: () => controller.close(),
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
async function until(condition: () => boolean) {
  for (let i = 0; i < 500 && !condition(); i++) await turn();
  expect(condition()).toBe(true);
}

describe("the live connection", () => {
  it("resumes after a break from the last event it saw", async () => {
    const first = source();
    const second = source();
    const asked: string[] = [];
    const statuses: LiveStatus[] = [];
    const seen: string[] = [];
    let resumed = 0;
    const stop = connectLive({
      open: async (lastId) => {
        asked.push(lastId);
        return asked.length === 1 ? first.response : second.response;
      },
      onEvent: (event) => seen.push(event.data),
      onResumed: () => void (resumed += 1),
      onStatus: (status) => statuses.push(status),
      onSignedOut: () => expect.unreachable(),
      backoff: () => 0,
    });
    first.write("id: 41\ndata: a\n\n");
    await until(() => seen.length === 1);
    first.end();
    await until(() => resumed === 1);
    second.write("id: 42\ndata: b\n\n");
    await until(() => seen.length === 2);
    stop();
    expect(asked).toEqual(["", "41"]);
    expect(statuses).toEqual(["connecting", "live", "reconnecting", "live"]);
  });

  it("waits longer each time while the server is away", async () => {
    const waits: number[] = [];
    const stop = connectLive({
      open: () => Promise.reject(new ApiError("offline")),
      onEvent: () => undefined,
      onResumed: () => undefined,
      onStatus: () => undefined,
      onSignedOut: () => undefined,
      backoff: (attempt) => {
        waits.push(attempt);
        return 0;
      },
    });
    await until(() => waits.length >= 3);
    stop();
    expect(waits.slice(0, 3)).toEqual([1, 2, 3]);
  });

  it("treats silence as a break", async () => {
    let opened = 0;
    const stop = connectLive({
      open: async () => {
        opened += 1;
        return source().response;
      },
      onEvent: () => undefined,
      onResumed: () => undefined,
      onStatus: () => undefined,
      onSignedOut: () => undefined,
      silenceMs: 1,
      backoff: () => 0,
    });
    await until(() => opened >= 2);
    stop();
  });

  it("gives up when the session is gone", async () => {
    let signedOut = 0;
    connectLive({
      open: () => Promise.reject(new ApiError("signed_out")),
      onEvent: () => undefined,
      onResumed: () => undefined,
      onStatus: () => undefined,
      onSignedOut: () => void (signedOut += 1),
    });
    await until(() => signedOut === 1);
  });
});
