"use strict";
// Light, dark, or as the system has it; kept in localStorage, where the browser allows that.
// Loaded in <head>, so that no page is painted in the wrong theme first.
(() => {
  const THEMES = ["system", "light", "dark"];
  const KEY = "curate-report-theme";

  const readTheme = () => {
    try {
      const kept = localStorage.getItem(KEY);
      return THEMES.includes(kept) ? kept : "system";
    } catch {
      return "system";
    }
  };

  const keepTheme = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // It lasts as long as this page, then.
    }
  };

  const applyTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
  };

  let theme = readTheme();
  applyTheme(theme);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme-toggle");
    const show = () => {
      button.textContent = `Theme: ${theme}`;
    };
    button.addEventListener("click", () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      applyTheme(theme);
      keepTheme(theme);
      show();
    });
    show();
    button.hidden = false;
  });
})();
