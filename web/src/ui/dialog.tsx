/** A modal surface. What it is made of is fetched when the first one opens: no page waits for it. */

import { lazy, Suspense, useState } from "react";
import type { ModalProps } from "./modal";

const Modal = lazy(() => import("./modal"));

export function Dialog(props: ModalProps) {
  // Once opened it stays, so that it can leave with its transition.
  const [wanted, setWanted] = useState(props.open);
  if (props.open && !wanted) setWanted(true);
  if (!wanted) return null;
  return (
    <Suspense fallback={null}>
      <Modal {...props} />
    </Suspense>
  );
}
