// Runs before the first paint: the chosen theme and the folded rail, so that nothing flashes.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("tocsin.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("tocsin.rail") === "narrow") root.dataset.rail = "narrow";
  } catch {
    // Storage is forbidden in this browser: the system's theme holds.
  }
})();
