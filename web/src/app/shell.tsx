/** The frame around every page: navigation, search, live state, the person. */

import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouter } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { IdleWarning } from "../auth/idle-warning";
import { BreakGlassBanner } from "../access/banner";
import { useDenied, useSession } from "../auth/context";
import { cx } from "../lib/cx";
import { count } from "../lib/format";
import { overviewQuery } from "../overview/queries";
import { Icon } from "../ui/icon";
import { LiveIndicator } from "./live-indicator";
import { type Destination, destinationsFor, groupTitles } from "./navigation";
import { useShortcuts } from "./shortcuts";
import { UserMenu } from "./user-menu";

const loadPalette = () => import("./palette").then((module) => ({ default: module.Palette }));
const Palette = lazy(loadPalette);
const Help = lazy(() => import("./help").then((module) => ({ default: module.Help })));

export function Shell() {
  const { session } = useSession();
  const [overlay, setOverlay] = useState<"palette" | "help">();
  const openPalette = useCallback(() => setOverlay("palette"), []);
  const openHelp = useCallback(() => setOverlay("help"), []);
  const close = useCallback(() => setOverlay(undefined), []);
  useShortcuts({ openPalette, openHelp });
  const main = useFocusAfterNavigation();
  // Whoever opens it types on at once: it is there before it is wanted.
  useEffect(() => {
    const later = setTimeout(() => void loadPalette(), 1_000);
    return () => clearTimeout(later);
  }, []);

  return (
    <div className="min-h-dvh md:grid md:grid-cols-[13.5rem_minmax(0,1fr)] print:block">
      <a
        href="#main"
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-md bg-panel px-3 py-2 shadow-[var(--float)] focus:translate-y-0 print:hidden"
      >
        Skip to content
      </a>
      <Sidebar />
      <div className="min-w-0">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-b border-line bg-panel px-3 sm:gap-3 md:px-5 print:hidden">
          <Link to="/" className="flex items-center gap-2 font-semibold md:hidden" aria-label="Proofline, overview">
            <Icon name="brand" className="text-accent" />
          </Link>
          <p className="min-w-0 truncate text-ink-2">{session.installation.name}</p>
          <button
            type="button"
            onClick={openPalette}
            className="ml-auto flex h-8 items-center gap-2 rounded-md border border-line bg-ground px-2.5 text-ink-3 hover:border-edge sm:w-60"
          >
            <Icon name="search" size={14} />
            <span className="max-sm:sr-only">Search or jump to</span>
            <kbd className="ml-auto max-sm:hidden">{shortcutLabel}</kbd>
          </button>
          <LiveIndicator />
          <UserMenu onHelp={openHelp} />
        </header>
        <BreakGlassBanner />
        <main
          id="main"
          ref={main}
          tabIndex={-1}
          className="mx-auto max-w-[100rem] px-3 pt-4 pb-24 outline-none sm:px-5 md:pt-5 md:pb-12"
        >
          <Outlet />
        </main>
      </div>
      <BottomBar />
      <IdleWarning />
      <Suspense fallback={null}>
        {overlay === "palette" && <Palette onClose={close} onHelp={openHelp} />}
        {overlay === "help" && <Help onClose={close} />}
      </Suspense>
    </div>
  );
}

const shortcutLabel = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘ K" : "Ctrl K";

/** After a change of page, reading and tabbing begin at its content, unless the person has already gone somewhere. */
function useFocusAfterNavigation() {
  const ref = useRef<HTMLElement>(null);
  const router = useRouter();
  useEffect(() => {
    let before: Element | null = null;
    const stops = [
      router.subscribe("onBeforeNavigate", () => {
        before = document.activeElement;
      }),
      // The page can be there, and answer to keys, a moment before this.
      router.subscribe("onResolved", ({ pathChanged, fromLocation }) => {
        const now = document.activeElement;
        if (pathChanged && fromLocation && (now === before || now === document.body)) {
          ref.current?.focus({ preventScroll: true });
        }
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, [router]);
  return ref;
}

function Sidebar() {
  const { session } = useSession();
  const destinations = destinationsFor(session.permissions);
  const groups = [...new Set(destinations.map((d) => d.group))];
  return (
    <nav
      aria-label="Main"
      className="sticky top-0 flex h-dvh flex-col gap-4 overflow-y-auto border-r border-line bg-panel px-2.5 py-3 max-md:hidden"
    >
      <Link
        to="/"
        className="flex items-center gap-2 px-2 py-1 text-md font-semibold tracking-tight"
        aria-label="Proofline, overview"
      >
        <Icon name="brand" size={18} className="text-accent" />
        Proofline
      </Link>
      {groups.map((group) => (
        <div key={group}>
          {groupTitles[group] && <p className="px-2 pb-1 text-2xs font-semibold text-ink-3">{groupTitles[group]}</p>}
          <ul className="grid gap-0.5">
            {destinations
              .filter((d) => d.group === group)
              .map((d) => (
                <li key={d.to}>
                  <NavLink destination={d} />
                </li>
              ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

function NavLink({ destination: { to, label, icon } }: { destination: Destination }) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      className="flex h-8 items-center gap-2.5 rounded-md px-2 text-ink-2 hover:bg-inset hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-semibold aria-[current=page]:text-ink [&[aria-current=page]>svg]:text-accent"
    >
      <Icon name={icon} />
      {label}
      {to === "/incidents" && <OpenIncidents />}
      {to === "/sites" && <SiteCount />}
    </Link>
  );
}

function useCounts() {
  const denied = useDenied();
  const { data } = useQuery({ ...overviewQuery(), enabled: !denied("overview.read") });
  return data?.counts;
}

function OpenIncidents() {
  const counts = useCounts();
  const open = counts?.open_incidents;
  if (!open) return null;
  return (
    <span className="ml-auto text-xs font-semibold text-fail">
      {count(open)}
      <span className="sr-only"> open</span>
    </span>
  );
}

function SiteCount() {
  const counts = useCounts();
  if (!counts?.sites) return null;
  return <span className="ml-auto text-xs font-medium text-ink-3">{count(counts.sites)}</span>;
}

/** The same on a phone: what one needs under the thumb, the rest in the menu of the person. */
function BottomBar() {
  const { session } = useSession();
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      <ul className="flex">
        {destinationsFor(session.permissions)
          .filter((d) => d.group === "work")
          .map(({ to, label, icon }) => (
            <li key={to} className="flex-1">
              <Link
                to={to}
                activeOptions={{ exact: to === "/", includeSearch: false }}
                className={cx(
                  "grid h-14 place-content-center justify-items-center gap-0.5 text-2xs text-ink-2 -outline-offset-2",
                  "aria-[current=page]:font-semibold aria-[current=page]:text-accent",
                )}
              >
                <Icon name={icon} size={18} />
                {label}
              </Link>
            </li>
          ))}
      </ul>
    </nav>
  );
}
