/** Search or jump to: pages, sites, actions. A combobox with a list of options (ARIA 1.2 pattern). */

import { useQuery } from "@tanstack/react-query";
import { type LinkProps, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useDeferredValue, useId, useState } from "react";
import { Dialog as Base } from "@base-ui/react/dialog";
import { wordsFor } from "../api/error-words";
import { useDenied, useSession } from "../auth/context";
import { cx } from "../lib/cx";
import { plural } from "../lib/format";
import { setPreference, themePreference } from "../lib/preference";
import { sitesSearchQuery } from "../tenants/queries";
import { Icon, type IconName } from "../ui/icon";
import { destinationsFor } from "./navigation";

interface Option {
  id: string;
  group: "Pages" | "Sites" | "Actions";
  label: string;
  note?: string;
  icon: IconName;
  run: () => void;
}

export function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const id = useId();
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const { options, status } = useOptions(useDeferredValue(text.trim()), onClose, onHelp);
  const current = options[Math.min(active, options.length - 1)];

  function onKeyDown(event: KeyboardEvent) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && options.length > 0) {
      event.preventDefault();
      const next = (Math.min(active, options.length - 1) + step + options.length) % options.length;
      setActive(next);
      document.getElementById(`${id}-${options[next]?.id}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && current) {
      event.preventDefault();
      current.run();
    }
  }

  return (
    <Base.Root open onOpenChange={(open) => !open && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-50 bg-[var(--shade)]" />
        <Base.Popup
          aria-label="Search or jump to"
          className="fixed top-[min(12vh,7rem)] left-1/2 z-50 flex max-h-[70dvh] w-[min(36rem,calc(100vw-1.5rem))] -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-line bg-panel shadow-[var(--float)] outline-none"
        >
          <div className="flex items-center gap-2.5 border-b border-line px-4">
            <Icon name="search" className="text-ink-3" />
            <input
              role="combobox"
              aria-expanded="true"
              aria-controls={`${id}-list`}
              aria-activedescendant={current && `${id}-${current.id}`}
              aria-label="Search or jump to"
              placeholder="A page, a site, an action"
              autoComplete="off"
              className="h-12 flex-1 bg-transparent text-md outline-none placeholder:text-ink-3"
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setActive(0);
              }}
              onKeyDown={onKeyDown}
            />
            <kbd>Esc</kbd>
          </div>
          <ul id={`${id}-list`} role="listbox" aria-label="Results" className="min-h-0 flex-1 overflow-y-auto p-1.5">
            {options.map((option, index) => (
              <li
                key={option.id}
                id={`${id}-${option.id}`}
                role="option"
                aria-selected={option === current}
                className={cx(
                  "flex h-10 cursor-pointer items-center gap-3 rounded-md px-3",
                  option === current && "bg-accent-soft",
                )}
                onPointerMove={() => setActive(index)}
                onClick={option.run}
              >
                <Icon name={option.icon} className="text-ink-3" />
                <span className="truncate">{option.label}</span>
                <span className="ml-auto shrink-0 truncate text-xs text-ink-3 max-sm:hidden">
                  {option.note ?? option.group}
                </span>
              </li>
            ))}
          </ul>
          <p role="status" className={cx("border-t border-hair px-4 py-2 text-xs text-ink-3", !status && "sr-only")}>
            {status || plural(options.length, "result")}
          </p>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

function useOptions(text: string, onClose: () => void, onHelp: () => void): { options: Option[]; status: string } {
  const navigate = useNavigate();
  const denied = useDenied();
  const { session } = useSession();
  const sites = useQuery(sitesSearchQuery(denied("site.read") ? "" : text));
  const go = (link: LinkProps) => () => {
    onClose();
    void navigate(link as Parameters<typeof navigate>[0]);
  };
  const matches = (label: string) => label.toLowerCase().includes(text.toLowerCase());

  const pages = destinationsFor(session.permissions).map(({ to, label, icon, key }): Option => ({
    id: `page-${key}`,
    group: "Pages",
    label,
    icon,
    run: go({ to }),
    note: `g ${key}`,
  }));
  const actions: Option[] = [
    { id: "account", group: "Actions", label: "Your account", icon: "user", run: go({ to: "/account" }) },
    ...(denied("code.create")
      ? []
      : [
          {
            id: "provision",
            group: "Actions" as const,
            label: "Add an appliance",
            icon: "add" as const,
            run: go({ to: "/provision" }),
          },
        ]),
    ...(["light", "dark", "system"] as const).map((theme): Option => ({
      id: `theme-${theme}`,
      group: "Actions",
      label: `Theme: ${theme}`,
      icon: "theme",
      run: () => {
        setPreference(themePreference, theme);
        onClose();
      },
    })),
    { id: "help", group: "Actions", label: "Keyboard shortcuts", icon: "keyboard", run: onHelp, note: "?" },
  ];
  const found = (text ? (sites.data?.items ?? []) : []).map((site): Option => ({
    id: site.id,
    group: "Sites",
    label: site.name,
    note: site.partner_name,
    icon: "site",
    run: go({ to: "/sites/$siteId", params: { siteId: site.id } }),
  }));
  const options = [...pages.filter((o) => matches(o.label)), ...found, ...actions.filter((o) => matches(o.label))];
  const status =
    sites.isError && text
      ? `Sites could not be searched. ${wordsFor(sites.error).title}.`
      : options.length === 0 && !sites.isFetching
        ? "Nothing found"
        : "";
  return { options, status };
}
