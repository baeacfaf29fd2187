import { element } from "../../page/dom.ts";
import type { Change, View } from "../../page/store.ts";
import { section, type PanelContext } from "./context.ts";
import type { MediaParts } from "./media.ts";
import { PagedList } from "./pager.ts";

const PER_PAGE = 24;
const LONG = 120; // characters from which a name is shown in full on demand only

/** A list of the section, and what it holds for the selected node. */
interface List {
  element: HTMLElement;
  list: PagedList;
  leaves: (node: number) => Int32Array;
  key: string;
}

/** The samples under the selected node: those that stand for it and the doubtful ones, or all, a page at a time. */
export class Members implements View {
  readonly element = element("div");
  readonly #lists: List[];
  /** Whether a name in sight has not been read yet. */
  #unnamed = false;

  constructor(
    private readonly context: PanelContext,
    private readonly media: MediaParts,
    which: "some" | "all",
  ) {
    const kind = context.store.page.media.anyImage ? "cards" : "rows";
    const of = (title: string, about: string, per: number, key: string, leaves: (node: number) => Int32Array): List => {
      const list = new PagedList(per, title, kind);
      return { element: section(title, element("p", { class: "about" }, about), list.element), list, leaves, key };
    };
    const { store } = context;
    this.#lists = which === "all"
      ? [of("All samples", "In the order of the tree.", PER_PAGE, "all", (node) => store.shown.tree.leaves(node))]
      : [
          of("Typical", "Nearest to the middle of this group.", 8, "typical", (node) => store.shown.typical(node)),
          of("Borderline", "Nearly part of a group beside it.", 8, "borderline", (node) => store.shown.borderline(node)),
        ];
    this.element.append(...this.#lists.map((own) => own.element));
  }

  update(changed: ReadonlySet<Change>): void {
    const named = changed.has("names") && this.#unnamed;
    if (!changed.has("selected") && !changed.has("tree") && !named) return;
    const { shown, state } = this.context.store;
    this.#unnamed = false;
    this.element.hidden = shown.tree.isLeaf(state.selected);
    for (const { element: part, list, leaves, key } of this.#lists) {
      const own = this.element.hidden ? new Int32Array(0) : leaves(state.selected);
      part.hidden = own.length === 0;
      const need = (from: number, to: number): void => this.context.store.need(own.subarray(from, to));
      list.show(own.length, (at) => this.#row(own[at], key), need, changed.has("selected") ? 0 : list.page);
    }
  }

  #row(leaf: number, key: string): HTMLLIElement {
    const { context, media } = this;
    const parts = [context.box(leaf, key), media.image(leaf, "thumb"), context.link(leaf, key), media.sound(leaf, key), this.#more(leaf)];
    return element("li", {}, ...parts.filter((part) => part !== null));
  }

  /** A button that shows a long text in full. */
  #more(leaf: number): HTMLElement | null {
    const text = this.context.store.shown.leafName(leaf);
    if (text === undefined) this.#unnamed = true;
    if (text === undefined || text.length <= LONG) return null;
    const whole = element("div", { class: "text", dir: "auto", tabindex: "0", role: "group", "aria-label": "Text in full" });
    whole.hidden = true;
    const button = element("button", { type: "button", class: "more", "aria-expanded": "false" }, "all of it");
    button.addEventListener("click", () => {
      whole.hidden = !whole.hidden;
      whole.textContent = whole.hidden ? "" : text;
      button.setAttribute("aria-expanded", String(!whole.hidden));
    });
    return element("span", { class: "whole" }, button, whole);
  }
}
