import { cx } from "../lib/cx";
import { type LiveStatus } from "../live/connection";
import { useLiveStatus } from "../live/live";

const words: Record<LiveStatus, { word: string; tip: string }> = {
  connecting: { word: "Connecting", tip: "Asking the server to tell changes as they happen" },
  live: { word: "Live", tip: "Changes appear here as they happen" },
  reconnecting: {
    word: "Reconnecting",
    tip: "The connection broke. What you see may be old until it is back; nothing is lost.",
  },
};

/** Whether the screen follows the server: a full dot, or a hollow one with the word. */
export function LiveIndicator() {
  const status = useLiveStatus();
  if (status === "off") return null;
  const { word, tip } = words[status];
  return (
    <span role="status" data-tip={tip} className="flex items-center gap-1.5 text-xs text-ink-2">
      <span
        aria-hidden="true"
        className={cx("size-2 rounded-full", status === "live" ? "bg-pass" : "border-2 border-stale")}
      />
      <span className={cx(status === "live" && "max-sm:sr-only")}>{word}</span>
    </span>
  );
}
