import { element } from "../page/dom.ts";
import { ALL, type Change, type Side, type Store, type View } from "../page/store.ts";
import { icon } from "./icons.ts";
import type { SideView } from "./parts.ts";

/** The views below the disk, one at a time, by tabs. */
export class Sides implements View {
  readonly element: HTMLElement;
  readonly #tabs = new Map<Side, HTMLButtonElement>();
  readonly #made = new Map<Side, View>();
  readonly #place = element("div", { class: "side-place", role: "tabpanel", id: "side" });
  readonly #fold = element("button", { type: "button", class: "quiet fold", "aria-controls": "side" });
  #open = true;

  constructor(
    private readonly store: Store,
    private readonly sides: readonly SideView[],
  ) {
    const tabs = element("div", { class: "tabs", role: "tablist", "aria-label": "Views of the subtree" });
    for (const { side, title } of sides) {
      const tab = element(
        "button",
        { type: "button", role: "tab", id: `tab-${side}`, "aria-controls": "side" },
        title,
      );
      tab.addEventListener("click", () => this.choose(side));
      this.#tabs.set(side, tab);
      tabs.append(tab);
    }
    tabs.addEventListener("keydown", (event) => this.#key(event));
    this.#fold.addEventListener("click", () => this.#turn(!this.#open));
    this.element = element(
      "section",
      { class: "sides", "aria-label": "More views" },
      element("div", { class: "tab-row" }, tabs, this.#fold),
      this.#place,
    );
    this.#turn(true);
  }

  /** Shows a view by its name, or by its number from 0. */
  choose(which: Side | number): void {
    const side = typeof which === "number" ? this.sides[which]?.side : which;
    if (side === undefined) return;
    this.#turn(true);
    this.store.set({ side });
  }

  /** The view that is seen, null while folded. */
  get current(): { title: string; view: View } | null {
    const side = this.#side;
    const view = this.#made.get(side.side);
    return this.#open && view !== undefined ? { title: side.title, view } : null;
  }

  /** Keys of the views made so far. */
  get keys(): readonly (readonly [string, string])[] {
    return this.current?.view.keys ?? [];
  }

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("side")) this.#show();
    else if (this.#open) this.current?.view.update(changed);
  }

  get #side(): SideView {
    return this.sides.find(({ side }) => side === this.store.state.side) ?? this.sides[0];
  }

  #show(): void {
    const own = this.#side;
    for (const [side, tab] of this.#tabs) {
      tab.setAttribute("aria-selected", String(side === own.side));
      tab.tabIndex = side === own.side ? 0 : -1;
    }
    this.#place.setAttribute("aria-labelledby", `tab-${own.side}`);
    this.element.dataset.side = own.side;
    if (!this.#open) return;
    let view = this.#made.get(own.side);
    if (view === undefined) {
      view = own.make(this.store);
      this.#made.set(own.side, view);
    }
    if (view.element.parentElement !== this.#place) this.#place.replaceChildren(view.element);
    view.update(ALL);
  }

  #turn(open: boolean): void {
    const opened = open && !this.#open;
    this.#open = open;
    this.element.classList.toggle("folded", !open);
    this.#place.hidden = !open;
    this.#fold.setAttribute("aria-expanded", String(open));
    this.#fold.setAttribute("aria-label", open ? "Fold the view" : "Unfold the view");
    this.#fold.title = open ? "Fold" : "Unfold";
    this.#fold.replaceChildren(icon(open ? "down" : "up"));
    if (opened) this.#show();
  }

  #key(event: KeyboardEvent): void {
    const at = this.sides.indexOf(this.#side);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    const side = to === undefined ? undefined : this.sides.at(to % this.sides.length);
    if (side === undefined) return;
    event.preventDefault();
    this.choose(side.side);
    this.#tabs.get(side.side)?.focus();
  }
}
