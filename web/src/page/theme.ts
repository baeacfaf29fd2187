import type { State } from "./store.ts";

/** The grounds of the two themes, as in the style. */
export const LIGHT = "#ffffff";
export const DARK = "#15161b";

/** Whether the page is dark now, by choice or as the system is. */
export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

/** Makes the page light or dark. */
export function applyTheme(theme: State["theme"]): void {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
