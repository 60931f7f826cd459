/** The icon set: 16 × 16, one stroke, drawn for this product. Decoration only: words carry the meaning. */

const paths = {
  brand: "M1.5 8.5h3l2-5 3.3 9 1.8-4h2.9",
  overview: "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5h-4.5zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5h-4.5z",
  incident: "M8 2.2 1.8 13h12.4zM8 6.4v3.1M8 11.3v.1",
  site: "M2.5 14V5.2L8 2l5.5 3.2V14M1.5 14h13M6.3 14v-3.6h3.4V14M6 7.4h.1M9.9 7.4h.1",
  appliance: "M2.5 3.5h11v3.7h-11zM2.5 9h11v3.7h-11zM4.8 5.3h.1M4.8 10.9h.1M7.5 5.3H11M7.5 10.9H11",
  audit: "M3.5 2h6.2l2.8 2.8V14h-9zM6 7h4M6 9.3h4M6 11.6h2.5",
  health: "M2 8h2.6l1.7-4 3 8 1.7-4h3",
  settings: "M2 4.5h6.5M12 4.5h2M2 11.5h2M7.5 11.5H14M10.2 2.8v3.4M5.8 9.8v3.4",
  evidence: "M8 1.8 13.2 3.7v4c0 3-2.2 5.1-5.2 6.5-3-1.4-5.2-3.5-5.2-6.5v-4zM5.6 8l1.7 1.7 3.2-3.4",
  add: "M8 3v10M3 8h10",
  check: "m3 8.6 3.2 3.2L13 4.8",
  close: "m4 4 8 8m0-8-8 8",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.4 10.4l3.3 3.3",
  right: "m6 3.5 4.5 4.5L6 12.5",
  left: "M10 3.5 5.5 8l4.5 4.5",
  down: "M3.5 6 8 10.5 12.5 6",
  up: "M3.5 10 8 5.5 12.5 10",
  copy: "M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3",
  download: "M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 13.5h11",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2.2v3h-3",
  clock: "M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 4.8V8l2.2 1.4",
  user: "M8 8.2a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8zM2.6 14c.4-2.7 2.5-4.2 5.4-4.2s5 1.5 5.4 4.2",
  leave: "M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6",
  keyboard: "M1.5 4h13v8h-13zM4 6.7h.1M6.6 6.7h.1M9.3 6.7h.1M11.9 6.7h.1M4.5 9.5h7",
  theme: "M8 2.2a5.8 5.8 0 1 0 0 11.6zM8 2.2a5.8 5.8 0 0 1 0 11.6",
  more: "M3.5 8h.1M8 8h.1M12.4 8h.1",
  external: "M9 2.5h4.5V7M13.2 2.8 7.5 8.5M11.5 9.5v4h-9v-9h4",
  key: "M10.4 2.2a3.4 3.4 0 1 0 0 6.8 3.4 3.4 0 0 0 0-6.8zM7.9 8 2.5 13.4M4.6 11.3l1.7 1.7M11 5h.1",
  database: "M8 2c3 0 5 .8 5 2s-2 2-5 2-5-.8-5-2 2-2 5-2zM3 4v8c0 1.2 2 2 5 2s5-.8 5-2V4M3 8c0 1.2 2 2 5 2s5-.8 5-2",
  play: "M4.5 2.8 12.5 8l-8 5.2z",
  power: "M8 2v5.5M4.8 4a5.2 5.2 0 1 0 6.4 0",
  filter: "M2 3.5h12M4.5 8h7M6.8 12.5h2.4",
  box: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6",
  phone: "M4.5 1.8h7v12.4h-7zM7.4 12h1.2",
  print: "M4.5 6V2h7v4M4.5 12h-2V6h11v6h-2M4.5 9.5h7V14h-7z",
  people:
    "M6 7.6a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.2c.3-2.3 2.1-3.6 4.5-3.6s4.2 1.3 4.5 3.6M10.6 2.9a2.3 2.3 0 0 1 0 4.4M12 9.9c1.4.5 2.3 1.7 2.5 3.3",
  lock: "M3.5 7h9v6.8h-9zM5.3 7V5a2.7 2.7 0 0 1 5.4 0v2M8 9.7v1.6",
  mail: "M2 3.5h12v9H2zM2.3 4 8 8.7 13.7 4",
  wrench:
    "M13.6 4.3 11.4 6.5 9.5 4.6l2.2-2.2a3.6 3.6 0 0 0-4.6 4.6L2.3 11.8a1.35 1.35 0 0 0 1.9 1.9L9 8.9a3.6 3.6 0 0 0 4.6-4.6z",
} as const;

export type IconName = keyof typeof paths;

export function Icon({
  name,
  size = 16,
  className,
}: {
  name: IconName;
  size?: number;
  className?: string | undefined;
}) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      className={`shrink-0 ${className ?? ""}`}
    >
      <path d={paths[name]} />
    </svg>
  );
}
