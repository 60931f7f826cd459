import { type ReactNode, useEffect } from "react";

interface Props {
  title: string;
  /** In the browser's title, where the heading alone would not say which one. */
  documentTitle?: string | undefined;
  /** The part of the page that one is on, first in the browser's title. */
  tab?: string | undefined;
  sub?: ReactNode;
  actions?: ReactNode;
}

/** The heading of a page; also names the tab. */
export function PageHead({ title, documentTitle, tab, sub, actions }: Props) {
  useEffect(() => {
    const name = documentTitle ?? title;
    document.title = [...(tab && tab !== name ? [tab] : []), name, "Proofline"].join(" · ");
  }, [documentTitle, tab, title]);
  return (
    <header className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-3">
      <div className="min-w-0 flex-1 basis-72">
        <h1 className="text-xl tracking-tight">{title}</h1>
        {sub && <div className="mt-0.5 text-ink-2">{sub}</div>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  );
}
