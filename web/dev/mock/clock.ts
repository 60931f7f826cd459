/** The mock's time. Fixed by `PROOFLINE_MOCK_NOW` where pictures must not change from run to run. */
export const started = process.env.PROOFLINE_MOCK_NOW ? Date.parse(process.env.PROOFLINE_MOCK_NOW) : undefined;

export function now(): number {
  return started ?? Date.now();
}

export const iso = (ms: number) => new Date(Math.round(ms)).toISOString().replace(/\.\d{3}Z$/, "Z");

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;
