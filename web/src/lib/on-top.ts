import { type ParsedLocation, useLocation, useRouter } from "@tanstack/react-router";
import { useRef } from "react";

/** The page that something was opened on top of: its address, and under what its scrolling is remembered. */
interface Under {
  href: string;
  scroll: string;
}

declare module "@tanstack/react-router" {
  interface HistoryState {
    under?: Under;
  }
}

/** A page scrolls as one with what lies on top of it. */
export const scrollKey = ({ state, href }: ParsedLocation): string => state.under?.scroll ?? state.__TSR_key ?? href;

/**
 * Something on top of a page that is part of the address, under these names: a sheet, the panel beside a list. Opening it is
 * a step, which Back takes back. Closing it takes that step back too; where no such step was made, or the page has changed
 * since, it only leaves the address.
 */
export function useOnTop(...names: string[]) {
  const router = useRouter();
  const location = useLocation();
  const open = names.some((name) => name in location.search);
  const left = useRef<string>(undefined);

  const close = () => {
    // Where one is by now: the address may have changed since this was drawn.
    const now = router.latestLocation;
    const { under } = now.state;
    if (!names.some((name) => name in now.search)) return;
    const search = Object.fromEntries(Object.entries(now.search).filter(([name]) => !names.includes(name)));
    const to = { to: ".", search: search as never } as const;
    if (under?.href !== router.buildLocation(to).href) {
      return void router.navigate({ ...to, replace: true, resetScroll: false });
    }
    // The step back takes a moment, in which one may press again.
    if (left.current === now.state.__TSR_key) return;
    left.current = now.state.__TSR_key;
    router.history.back();
  };

  return {
    /** What a link or a call that opens it says besides the address. */
    opening: {
      resetScroll: false,
      replace: open,
      state: open ? (true as const) : { under: { href: location.href, scroll: scrollKey(location) } },
    },
    close,
  };
}
