import { createContext, useContext } from "react";
import type { Session } from "../api/types";
import type { LeaveReason } from "./session";

export interface SessionContext {
  session: Session;
  /** Gives the screen back to the sign-in page. */
  leave: (reason: LeaveReason) => void;
}

export const SessionContext = createContext<SessionContext | undefined>(undefined);

export function useSession(): SessionContext {
  const context = useContext(SessionContext);
  if (!context) throw new Error("outside of a session");
  return context;
}

const roleWords: Record<string, string> = {
  staff_admin: "administrator",
  staff_operator: "operator",
  staff_readonly: "read-only",
  partner_admin: "partner administrator",
  partner_technician: "technician",
  partner_billing: "billing",
  practice_owner: "practice owner",
  practice_manager: "practice manager",
  practice_viewer: "practice viewer",
};

export const roleWord = (role: string): string => roleWords[role] ?? role;

/**
 * Asks whether the person may do something. The answer is the reason why not, or nothing: it goes
 * straight into `disabledReason`. The server decides again in any case.
 */
export function useDenied(): (action: string) => string | undefined {
  const { session } = useSession();
  return (action) =>
    session.permissions.includes(action) ? undefined : `your role (${roleWord(session.user.role)}) does not allow it`;
}
