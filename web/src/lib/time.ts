/** Times as people read them: how long ago first, the exact moment one hover or focus away. */

const minute = 60;
const hour = 3600;
const day = 86_400;

/** `12 s ago`, `3 min ago`, `in 2 h`; a date once that says more. */
export function relative(at: number, now: number): string {
  const delta = Math.round((now - at) / 1000);
  const size = Math.abs(delta);
  if (size < 5) return "just now";
  if (size >= 30 * day) return shortDate(at);
  const text = span(size);
  return delta > 0 ? `${text} ago` : `in ${text}`;
}

/** How long something has been so: `for 3 min`; `since` a date once that says more. */
export function lasting(from: number, now: number): string {
  const size = Math.max(0, Math.round((now - from) / 1000));
  return size >= 30 * day ? `since ${shortDate(from)}` : `for ${span(size)}`;
}

/** `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * minute) return `${Math.round(seconds / minute)} min`;
  if (seconds < 36 * hour) return `${Math.round(seconds / hour)} h`;
  return `${Math.round(seconds / day)} d`;
}

const dateFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const exactFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});
const shortFormat = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

export const shortDate = (at: number): string => dateFormat.format(at);
/** To the minute, in this browser's zone, which is named. Where there is no room it breaks between date and time only. */
export const shortDateTime = (at: number): string =>
  shortFormat.format(at).replaceAll(" ", "\u00a0").replace(",\u00a0", ", ");
/** To the second, with the zone. */
export const exact = (at: number): string => exactFormat.format(at);

/** What `<input type="datetime-local">` holds, in this browser's zone. */
export function toLocalInput(at: number): string {
  const date = new Date(at);
  const pad = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** What `<input type="date">` holds: the day in this browser's zone. */
export const toDay = (at: number): string => toLocalInput(at).slice(0, 10);

/** The first second of such a day, here. */
export const startOfDay = (day: string): number => new Date(`${day}T00:00:00`).getTime();

/** The last one. A day is not always of 24 hours. */
export const endOfDay = (day: string): number => new Date(`${day}T23:59:59`).getTime();

/** RFC 3339, whole seconds, UTC. */
export const rfc3339 = (at: number): string => new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
