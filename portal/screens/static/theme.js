"use strict";
// Before anything is drawn: the theme that was chosen here, else the system's. The menu is open where there is room for it.
try {
  const chosen = localStorage.getItem("iles-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* without storage the system's theme stays */ }
document.addEventListener("DOMContentLoaded", () => {
  const wide = matchMedia("(min-width: 60rem)");
  const menu = document.getElementById("menu");
  const fit = () => { menu.open = wide.matches; };
  fit();
  wide.addEventListener("change", fit);
});
