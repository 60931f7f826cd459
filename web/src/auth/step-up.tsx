/**
 * Whatever the server wants a fresh proof for opens one dialog; the call that was refused is sent
 * again once the proof is given. Any number of calls wait for the same answer.
 */

import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/errors";
import { onStepUp } from "../api/http";
import { Dialog } from "../ui/dialog";
import { useSession } from "./context";

const ProofForm = lazy(() => import("./factors/proof-form").then((module) => ({ default: module.ProofForm })));

interface Waiting {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

function begin(): Waiting {
  const settle = {} as Omit<Waiting, "promise">;
  const promise = new Promise<void>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  return { promise, ...settle };
}

export function StepUp() {
  const { session, update } = useSession();
  const [open, setOpen] = useState(false);
  const waiting = useRef<Waiting>(undefined);

  useEffect(() => {
    onStepUp(() => {
      waiting.current ??= begin();
      setOpen(true);
      return waiting.current.promise;
    });
    return () => onStepUp(undefined);
  }, []);

  function end(settle: (waiting: Waiting) => void) {
    const current = waiting.current;
    waiting.current = undefined;
    setOpen(false);
    if (current) settle(current);
  }
  const cancel = () => end(({ reject }) => reject(new ApiError("forbidden", { code: "step_up_cancelled" })));

  return (
    // Escape ends only this dialog, not the one that it lies upon.
    <div
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        cancel();
      }}
    >
      <Dialog
        open={open}
        onClose={cancel}
        title="Confirm that it is you"
        description="This action needs a proof of the last five minutes. Then it goes on by itself."
      >
        <Suspense fallback={<p className="px-5 py-4 text-ink-3">Loading…</p>}>
          <ProofForm
            session={session}
            onDone={(next) => {
              update(next);
              end(({ resolve }) => resolve());
            }}
            onCancel={cancel}
          />
        </Suspense>
      </Dialog>
    </div>
  );
}
