/** What somebody proves besides a password, in a word. */
export const factorWord = (factor: string): string => (factor === "totp" ? "code" : factor);
