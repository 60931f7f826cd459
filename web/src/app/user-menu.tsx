import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef } from "react";
import { useSession } from "../auth/context";
import { roleWord } from "../auth/roles";
import { signOut } from "../auth/session";
import { cx } from "../lib/cx";
import {
  type Preference,
  readPreference,
  setPreference,
  themePreference,
  timePreference,
  usePreference,
} from "../lib/preference";
import { Icon } from "../ui/icon";
import { say } from "../ui/toast";
import { wordsFor } from "../api/error-words";
import { destinationsFor } from "./navigation";

/** The person: who, how the screen looks, how to leave. On a phone also the rest of the pages. */
export function UserMenu({ onHelp }: { onHelp: () => void }) {
  const { session } = useSession();
  const menu = useRef<HTMLDivElement>(null);
  const close = () => menu.current?.hidePopover();
  const leave = useSignOut();
  const rest = destinationsFor(session.permissions).filter(({ group }) => group !== "work");
  const initials = session.user.name
    .split(/\s+/)
    .map((part) => part.charAt(0))
    .slice(0, 2)
    .join("")
    .toUpperCase();

  return (
    <>
      <button
        type="button"
        popoverTarget="user-menu"
        aria-haspopup="true"
        aria-label={`${session.user.name}: account and appearance`}
        className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent"
      >
        {initials}
      </button>
      <div
        ref={menu}
        id="user-menu"
        popover="auto"
        role="group"
        aria-label="Account and appearance"
        className="fixed inset-auto top-13 right-3 m-0 w-72 rounded-lg border border-line bg-panel text-ink shadow-[var(--float)] md:right-5"
      >
        <div className="border-b border-hair px-4 py-3">
          <p className="font-semibold">{session.user.name}</p>
          <p className="text-ink-2 [overflow-wrap:anywhere]">{session.user.email}</p>
          <p className="text-xs text-ink-3">{roleWord(session.user.role)}</p>
        </div>
        <ul className="border-b border-hair p-1.5 md:hidden">
          {rest.map(({ to, label, icon }) => (
            <li key={to}>
              <Link to={to} onClick={close} className={item}>
                <Icon name={icon} />
                {label}
              </Link>
            </li>
          ))}
        </ul>
        <div className="grid gap-3 border-b border-hair px-4 py-3">
          <Segments
            label="Theme"
            preference={themePreference}
            words={{ system: "System", light: "Light", dark: "Dark" }}
          />
          <Segments label="Times" preference={timePreference} words={{ relative: "Relative", exact: "Exact" }} />
        </div>
        <div className="p-1.5">
          <Link to="/account" onClick={close} className={item}>
            <Icon name="user" />
            Your account
          </Link>
          <button
            type="button"
            className={item}
            onClick={() => {
              close();
              onHelp();
            }}
          >
            <Icon name="keyboard" />
            Keyboard shortcuts
            <kbd className="ml-auto">?</kbd>
          </button>
          <button type="button" className={item} onClick={() => leave.mutate()}>
            <Icon name="leave" />
            Sign out
          </button>
        </div>
      </div>
    </>
  );
}

const item = "flex h-9 w-full items-center gap-2.5 rounded-md px-2.5 text-left hover:bg-inset";

/** Ends the session on the server, then everything of it in every tab. */
function useSignOut() {
  const { leave } = useSession();
  return useMutation({
    mutationFn: async () => {
      // The server clears this site's storage; how the screen looks is not a secret and stays.
      const kept = [themePreference, timePreference].map(
        (p) => [p, readPreference<string>(p as Preference<string>)] as const,
      );
      await signOut();
      for (const [preference, value] of kept) setPreference(preference as Preference<string>, value);
    },
    onSuccess: () => leave("signed_out"),
    onError: (error) => say(`Not signed out. ${wordsFor(error).title}.`, "bad"),
  });
}

function Segments<T extends string>({
  label,
  preference,
  words,
}: {
  label: string;
  preference: Preference<T>;
  words: Record<T, string>;
}) {
  const current = usePreference(preference);
  return (
    <fieldset className="flex items-center gap-3">
      <legend className="float-left w-14 text-ink-2">{label}</legend>
      <div className="flex flex-1 rounded-md bg-inset p-0.5">
        {preference.values.map((value) => (
          <label
            key={value}
            className={cx(
              "flex-1 cursor-pointer rounded-sm px-2 py-0.5 text-center text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent",
              current === value ? "bg-panel font-semibold shadow-[var(--lift)] ring-1 ring-line" : "text-ink-2",
            )}
          >
            <input
              type="radio"
              name={preference.key}
              className="sr-only"
              checked={current === value}
              onChange={() => setPreference(preference, value)}
            />
            {words[value]}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
