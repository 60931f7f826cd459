import { useState } from "react";
import { wordsFor } from "../api/error-words";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { fetchSession } from "./session";

/** The question before an idle session ends. Answering is enough: any request by a person counts. */
export function StaySignedIn({ seconds, onLeave }: { seconds: number; onLeave: () => void }) {
  const [problem, setProblem] = useState("");
  const stay = () => {
    fetchSession().catch((error: unknown) => setProblem(wordsFor(error).title));
  };
  return (
    <Dialog
      open
      onClose={stay}
      title="Are you still there?"
      description="An unattended screen is signed out to protect the practices on it."
    >
      <div className="grid gap-4 px-5 py-4">
        <p>
          Signing out in <strong className="font-semibold">{seconds} s</strong>.
        </p>
        {problem && (
          <p role="alert" className="text-fail">
            {problem}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onLeave}>Sign out</Button>
          <Button look="primary" onClick={stay}>
            Stay signed in
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
