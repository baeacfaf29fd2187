import { applyTheme } from "../page/theme.ts";
import { element } from "../page/dom.ts";
import type { Change, State, Store, View } from "../page/store.ts";
import { icon } from "./icons.ts";

const NEXT = { auto: "light", light: "dark", dark: "auto" } as const;
const TITLES = { auto: "as the system", light: "light", dark: "dark" } as const;

/** The button that makes the page light or dark. */
export class ThemeSwitch implements View {
  readonly element = element("button", { type: "button", class: "quiet" });

  constructor(private readonly store: Store) {
    this.element.addEventListener("click", () => this.turn());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => store.tell("theme"));
  }

  /** To the next of auto, light and dark. */
  turn(): void {
    const theme = NEXT[this.store.state.theme];
    applyTheme(theme);
    this.store.set({ theme });
  }

  update(changed: ReadonlySet<Change>): void {
    if (!changed.has("theme")) return;
    const theme: State["theme"] = this.store.state.theme;
    applyTheme(theme);
    const title = `Theme: ${TITLES[theme]}`;
    this.element.replaceChildren(icon(theme));
    this.element.setAttribute("aria-label", title);
    this.element.title = `${title} (T)`;
  }
}
