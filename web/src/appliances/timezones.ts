/** Time zones to choose from: those of the United States first, then the rest of the world. */

const near = [
  "America/New_York",
  "America/Chicago",
  "America/Denver",
  "America/Phoenix",
  "America/Los_Angeles",
  "America/Anchorage",
  "Pacific/Honolulu",
  "America/Puerto_Rico",
];

export function timezones(): { near: readonly string[]; all: readonly string[]; own: string } {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const all = Intl.supportedValuesOf("timeZone").filter((zone) => !near.includes(zone));
  return { near, all: all.includes(own) || near.includes(own) ? all : [own, ...all], own };
}
