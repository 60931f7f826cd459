/**
 * One stream of changes that comes back by itself. After a break it asks for what it missed
 * (`Last-Event-ID`); silence beyond `silenceMs` counts as a break, because a dead connection does
 * not say so. Ends for good when stopped or when the session is gone.
 */

import { ApiError, endsSession } from "../api/errors";
import { EventStreamParser, type ServerEvent } from "./sse";

export type LiveStatus = "connecting" | "live" | "reconnecting";

export interface LiveOptions {
  open: (lastEventId: string, signal: AbortSignal) => Promise<Response>;
  onEvent: (event: ServerEvent) => void;
  /** The stream is back after a break. */
  onResumed: () => void;
  onStatus: (status: LiveStatus) => void;
  onSignedOut: (error: ApiError) => void;
  silenceMs?: number;
  /** Milliseconds before the nth attempt after a break, n from 1. */
  backoff?: (attempt: number) => number;
}

const defaultSilence = 45_000;

/** 1 s, 2 s, 4 s … 30 s, each shortened by up to half so that tabs do not return in step. */
function defaultBackoff(attempt: number): number {
  return Math.min(30_000, 1000 * 2 ** (attempt - 1)) * (1 - Math.random() / 2);
}

/** Starts; the returned function stops. */
export function connectLive(options: LiveOptions): () => void {
  const { onStatus, backoff = defaultBackoff, silenceMs = defaultSilence } = options;
  const stopped = new AbortController();
  let lastId = "";
  let attempt = 0;
  let broken = false;

  async function once(): Promise<void> {
    const current = new AbortController();
    const signal = AbortSignal.any([stopped.signal, current.signal]);
    let watchdog = setTimeout(() => current.abort(), silenceMs);
    try {
      const response = await options.open(lastId, signal);
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      if (!reader) throw new ApiError("malformed");
      signal.addEventListener("abort", () => void reader.cancel().catch(() => undefined));
      attempt = 0;
      onStatus("live");
      if (broken) options.onResumed();
      broken = false;
      const parser = new EventStreamParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => current.abort(), silenceMs);
        for (const event of parser.push(value)) {
          lastId = event.id;
          options.onEvent(event);
        }
      }
    } finally {
      clearTimeout(watchdog);
      current.abort();
    }
  }

  async function run(): Promise<void> {
    onStatus("connecting");
    while (!stopped.signal.aborted) {
      try {
        await once();
      } catch (error) {
        if (error instanceof ApiError && endsSession(error)) return options.onSignedOut(error);
      }
      if (stopped.signal.aborted) return;
      broken = true;
      attempt += 1;
      onStatus("reconnecting");
      await pause(backoff(attempt), stopped.signal);
    }
  }

  void run();
  return () => stopped.abort();
}

/** Waits, but not through a network that comes back: `online` ends the wait. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    globalThis.addEventListener?.("online", done);
    signal.addEventListener("abort", done);
  });
}
