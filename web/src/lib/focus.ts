/** As a `ref`: takes the focus when it appears, in place of what was there and is gone. */
export const focusOnceThere = (element: HTMLElement | null): void => element?.focus();
