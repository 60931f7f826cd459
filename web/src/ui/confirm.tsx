import { type ReactNode, useState } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { Field } from "./field";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  /** What the button says: the verb and the thing. */
  action: string;
  /** Ask for a reason, which goes into the record. */
  reason?: { label: string; minLength: number } | undefined;
  /** Ask to type exactly this, for what is gone for good. */
  typed?: string | undefined;
  danger?: boolean;
  busy: boolean;
  problem?: string | undefined;
  onConfirm: (reason: string) => void;
  children: ReactNode;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ open, onClose, ...rest }: Props) {
  return (
    <Dialog open={open} onClose={onClose} title={rest.title}>
      <ConfirmForm onClose={onClose} {...rest} />
    </Dialog>
  );
}

function ConfirmForm({
  onClose,
  action,
  reason,
  typed,
  danger = true,
  busy,
  problem,
  onConfirm,
  children,
}: Omit<Props, "open">) {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const [typing, setTyping] = useState("");
  return (
    <form
      className="grid gap-4 px-5 py-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (busy) return;
        if (reason && [...text.trim()].length < reason.minLength) {
          return setError(`Write at least ${reason.minLength} characters; it goes into the record`);
        }
        if (typed !== undefined && typing.trim() !== typed) return setError("This is not the same");
        onConfirm(text.trim());
      }}
    >
      <div className="text-ink-2">{children}</div>
      {reason && (
        <Field label={reason.label} error={error}>
          {(ids) => (
            <textarea
              {...ids}
              className="input min-h-20 py-2"
              maxLength={500}
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setError("");
              }}
            />
          )}
        </Field>
      )}
      {typed !== undefined && (
        <Field label="To be sure, type" hint={<code className="select-all">{typed}</code>} error={error}>
          {(ids) => (
            <input
              {...ids}
              className="input"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              value={typing}
              onChange={(event) => {
                setTyping(event.target.value);
                setError("");
              }}
            />
          )}
        </Field>
      )}
      {problem && (
        <p role="alert" className="font-medium text-fail">
          {problem}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look={danger ? "danger" : "primary"} busy={busy}>
          {action}
        </Button>
      </div>
    </form>
  );
}
