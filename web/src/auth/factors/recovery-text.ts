/** `ABCDEFGH` → `ABCD EFGH`: what one types from a screen is read in groups. */
export const inFours = (text: string): string => text.replace(/\s/g, "").replace(/(.{4})(?=.)/g, "$1 ");

/** The sheet of paper, or the file, that the codes are kept on. */
export function recoverySheet(codes: readonly string[], email: string, installation: string, at: string): string {
  return [
    `Recovery codes for ${email}`,
    `Proofline, ${installation}`,
    `Made on ${at}. Earlier codes do not work any more. Each of these works once.`,
    "",
    ...codes.map((code, i) => `${String(i + 1).padStart(2)}. ${code}`),
    "",
  ].join("\n");
}
