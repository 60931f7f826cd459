import { createRoot } from "react-dom/client";
import type { LeaveReason, Session } from "../auth/session";

export function mount(root: HTMLElement, session: Session, _leave: (reason: LeaveReason) => void): () => void {
  const react = createRoot(root);
  react.render(<p>{session.user.name}</p>);
  return () => react.unmount();
}
