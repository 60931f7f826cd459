import { shortDigest } from "../lib/format";

/** A long hexadecimal value: its two ends, the whole on hover and when copied. */
export function Digest({ hex }: { hex: string }) {
  return (
    <code data-tip={hex} className="rounded-sm">
      <span aria-hidden="true">{shortDigest(hex)}</span>
      <span className="sr-only">{hex}</span>
    </code>
  );
}
