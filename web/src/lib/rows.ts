/** Puts the focus on the next or the previous row's link; on the first when none has it. */
export function moveRow(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("main [data-row-link]")].filter(
    (link) => link.offsetParent !== null,
  );
  const here = links.indexOf(document.activeElement as HTMLElement);
  const next = links[here < 0 ? (step === 1 ? 0 : links.length - 1) : here + step];
  next?.focus();
}
