/** Modal surfaces on Base UI's dialog, which brings focus, Escape and inertness of the rest. Pages use `Dialog`. */

import { Dialog as Base } from "@base-ui/react/dialog";
import { type ReactNode, useRef } from "react";
import { cx } from "../lib/cx";
import { Icon } from "./icon";

export interface ModalProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  /** `sheet` comes from the side and is as high as the screen. */
  shape?: "card" | "sheet";
  children: ReactNode;
}

/** Where a form begins. A sheet is read first, and what stands outside of a form is not what one came for. */
const firstField = "[data-shape=card] form :is(input, select, textarea):enabled";

export default function Modal({ open, onClose, title, description, shape = "card", children }: ModalProps) {
  const popup = useRef<HTMLDivElement>(null);
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-50 bg-[var(--shade)] transition-opacity duration-150 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0" />
        <Base.Popup
          ref={popup}
          initialFocus={(by) =>
            by === "touch" ? true : (popup.current?.querySelector<HTMLElement>(firstField) ?? true)
          }
          data-shape={shape}
          className={cx(
            "fixed z-50 flex flex-col border-line bg-panel shadow-[var(--float)] outline-none",
            "transition-[opacity,translate] duration-150 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0",
            shape === "card" &&
              "top-1/2 left-1/2 max-h-[calc(100dvh-2rem)] w-[min(30rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 rounded-xl border",
            shape === "sheet" &&
              "inset-y-0 right-0 w-full max-w-xl border-l data-[ending-style]:translate-x-4 data-[starting-style]:translate-x-4",
          )}
        >
          <div className="flex items-start gap-3 border-b border-hair py-3 pr-3 pl-5">
            <div className="min-w-0 flex-1 py-1">
              <Base.Title className="text-lg font-semibold">{title}</Base.Title>
              {description && <Base.Description className="text-ink-2">{description}</Base.Description>}
            </div>
            <Base.Close aria-label="Close" className="btn btn-quiet btn-icon">
              <Icon name="close" />
            </Base.Close>
          </div>
          <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
