/** Numbers as people read them. Rates arrive as fractions; only here do they become percent. */

const whole = new Intl.NumberFormat("en");
const oneDigit = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);

/** `1 site`, `2 sites`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/**
 * A fraction as percent. Never rounds up to 100 or down to 0: "100 %" means all of it, "0 %"
 * means none.
 */
export function percent(fraction: number): string {
  const exact = fraction * 100;
  const rounded = Math.round(exact);
  if (rounded === 100 && exact < 100) return "99 %";
  if (rounded === 0 && exact > 0) return "1 %";
  return `${rounded} %`;
}

/** A score between 0 and 100 with one digit at most; likewise never rounded up to 100. */
export function scoreText(score: number): string {
  const rounded = Math.round(score * 10) / 10;
  return oneDigit.format(rounded === 100 && score < 100 ? 99.9 : rounded);
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${oneDigit.format(value)} ${units[unit]}`;
}

export function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${oneDigit.format(ms / 1000)} s`;
}

/** A length of time in its largest unit, or two where one is too coarse. */
export function seconds(total: number): string {
  if (total < 90) return `${Math.round(total)} s`;
  if (total < 5400) return `${Math.round(total / 60)} min`;
  if (total < 172_800) return `${oneDigit.format(total / 3600)} h`;
  return `${count(Math.round(total / 86_400))} days`;
}

/** The two ends of a long hexadecimal digest. */
export function shortDigest(hex: string): string {
  return hex.length <= 14 ? hex : `${hex.slice(0, 6)}…${hex.slice(-6)}`;
}

/** The tail of an id, enough to tell neighbours apart: `app_…7q2k`. */
export function shortId(id: string): string {
  const [prefix, rest] = id.split("_");
  return rest === undefined || rest.length <= 8 ? id : `${prefix}_…${rest.slice(-6)}`;
}

/** With a capital letter in front. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `staff_admin` → `Staff admin`. For words of the server that have no words of our own. */
export function humanise(word: string): string {
  return sentence(word.replace(/[_.-]+/g, " ").trim());
}
