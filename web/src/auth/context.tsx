import { createContext, useContext } from "react";
import type { Session } from "../api/types";
import { type Level, levelOf, roleWord } from "./roles";
import type { LeaveReason } from "./session";

export interface SessionContext {
  session: Session;
  /** Takes what the server now says of the session: a new name, a fresh proof, another factor. */
  update: (session: Session) => void;
  /** Gives the screen back to the sign-in page. */
  leave: (reason: LeaveReason) => void;
}

export const SessionContext = createContext<SessionContext | undefined>(undefined);

export function useSession(): SessionContext {
  const context = useContext(SessionContext);
  if (!context) throw new Error("outside of a session");
  return context;
}

/** Whether the person looks after the installation, a partner's clinics, or a practice. */
export const useLevel = (): Level => levelOf(useSession().session.user.role);

/**
 * Asks whether the person may do something. The answer is the reason why not, or nothing: it goes
 * straight into `disabledReason`. The server decides again in any case.
 */
export function useDenied(): (action: string) => string | undefined {
  const { session } = useSession();
  return (action) =>
    session.permissions.includes(action) ? undefined : `your role (${roleWord(session.user.role)}) does not allow it`;
}
