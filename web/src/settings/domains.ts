/** `Example.org, @other.org` → the domains in it, each once. */
export const domainsIn = (text: string): string[] => [
  ...new Set(
    text
      .toLowerCase()
      .split(/[\s,;]+/)
      .map((part) => part.replace(/^@/, ""))
      .filter(Boolean),
  ),
];
