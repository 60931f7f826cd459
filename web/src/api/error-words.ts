/** What a person reads when something went wrong: words of its own for each code that has them, else for each kind. */

import { codeWords } from "./code-words";
import { ApiError, type ErrorKind } from "./errors";

export interface ErrorWords {
  title: string;
  advice: string;
  /** Whether asking again without changing anything can help. */
  retry: boolean;
}

const words: Record<ErrorKind, ErrorWords> = {
  offline: {
    title: "Central Command cannot be reached",
    advice: "Check the network connection of this computer. Nothing was changed.",
    retry: true,
  },
  timeout: {
    title: "No answer within 30 seconds",
    advice: "The server may be busy. Try again in a moment.",
    retry: true,
  },
  signed_out: {
    title: "You are signed out",
    advice: "Sign in again to go on where you were.",
    retry: false,
  },
  forbidden: {
    title: "Your role does not allow this",
    advice: "Ask an administrator of this installation for access.",
    retry: true,
  },
  not_found: {
    title: "Not found",
    advice: "It does not exist, or it is not yours to see.",
    retry: true,
  },
  conflict: {
    title: "Someone was faster",
    advice: "This has changed since the page was loaded. Look at it again before you decide.",
    retry: true,
  },
  invalid: {
    title: "The server did not accept this",
    advice: "Correct what is marked and try again.",
    retry: true,
  },
  rate_limited: {
    title: "Too many requests",
    advice: "Wait a little, then try again.",
    retry: true,
  },
  unavailable: {
    title: "Central Command is not ready",
    advice: "A part of it is down or starting. It usually comes back by itself.",
    retry: true,
  },
  server: {
    title: "Something failed on the server",
    advice: "The request id below finds it in the server's log.",
    retry: true,
  },
  malformed: {
    title: "The answer could not be read",
    advice: "The server sent something that this page does not understand. A reload may bring a newer page.",
    retry: true,
  },
};

/** The words for any error; one that is not ours was a fault in reading the answer. */
export function wordsFor(error: unknown): ErrorWords {
  if (!(error instanceof ApiError)) return words.malformed;
  const base = codeWords[error.code] ?? words[error.kind];
  if (error.kind === "rate_limited" && error.retryAfter) {
    return { ...base, advice: `Try again in ${duration(error.retryAfter)}.` };
  }
  if ((error.kind === "invalid" || error.kind === "conflict") && error.detail && !codeWords[error.code]) {
    return { ...base, advice: error.detail };
  }
  return base;
}

/** The same on one line. */
export function sentenceFor(error: unknown): string {
  const { title, advice } = wordsFor(error);
  return `${title}. ${advice}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
