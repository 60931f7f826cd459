/** Seeded randomness (mulberry32): the same fleet at every start. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[Math.floor(this.next() * list.length)];
    if (item === undefined) throw new Error("pick from an empty list");
    return item;
  }

  /** `prefix_` and 26 characters of Crockford's alphabet, as the server spells ids. */
  id(prefix: string): string {
    const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    let text = "01";
    while (text.length < 26) text += alphabet[this.int(0, 31)];
    return `${prefix}_${text}`;
  }
}
