// Sets the theme that was chosen before anything is painted. Kept apart from the bundle because
// a module runs too late and an inline script would need unsafe-inline.
try {
  const theme = localStorage.getItem("picket.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's theme holds.
}
