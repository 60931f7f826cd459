import { useState } from "react";
import type { Session } from "../../api/types";
import { saveFile } from "../../lib/save";
import { shortDate } from "../../lib/time";
import { Button, CopyButton } from "../../ui/button";
import { Icon } from "../../ui/icon";
import { recoverySheet } from "./recovery-text";

/** Shown once. Going on takes a tick: whoever loses the phone without these is locked out. */
export function RecoveryCodes({
  codes,
  session,
  action,
  onDone,
}: {
  codes: readonly string[];
  session: Session;
  action: string;
  onDone: () => void;
}) {
  const [kept, setKept] = useState(false);
  const sheet = recoverySheet(codes, session.user.email, session.installation.name, shortDate(Date.now()));
  return (
    <div className="grid gap-4">
      <p className="text-ink-2">
        With one of these you get in when your device is lost. Each works once. Keep them where you keep what matters,
        and not on the device itself: <strong className="font-semibold text-ink">they are shown only now.</strong>
      </p>
      <div className="print-sheet">
        <p className="hidden whitespace-pre-line print:block">{sheet.split("\n").slice(0, 3).join("\n")}</p>
        <ol
          aria-label="Recovery codes"
          className="grid grid-cols-2 gap-x-6 gap-y-1.5 rounded-lg bg-inset px-5 py-4 font-mono text-md select-all"
        >
          {codes.map((code) => (
            <li key={code} className="whitespace-nowrap">
              {code}
            </li>
          ))}
        </ol>
      </div>
      <div className="flex flex-wrap gap-2">
        <button
          type="button"
          className="btn"
          onClick={() => saveFile("proofline-recovery-codes.txt", sheet, "text/plain")}
        >
          <Icon name="download" size={14} />
          Download
        </button>
        <CopyButton text={codes.join("\n")} />
        <button type="button" className="btn" onClick={() => window.print()}>
          <Icon name="print" size={14} />
          Print
        </button>
      </div>
      <div className="flex flex-wrap items-center justify-between gap-3 border-t border-hair pt-4">
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            className="size-4 accent-[var(--accent)]"
            checked={kept}
            onChange={(event) => setKept(event.target.checked)}
          />
          I have kept them
        </label>
        <Button look="primary" disabledReason={kept ? undefined : "first say that you have kept them"} onClick={onDone}>
          {action}
        </Button>
      </div>
    </div>
  );
}
