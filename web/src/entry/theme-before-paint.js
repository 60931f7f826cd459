// Runs before the first paint, so that a chosen theme never flashes in late.
// A classic script of our own origin: the content security policy allows no inline one.
try {
  const theme = localStorage.getItem("proofline.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's choice stands.
}
