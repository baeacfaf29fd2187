import { element, plain } from "../page/dom.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Menu, type MenuItem } from "./menu.ts";

const WIDE = 125; // pixels that a step takes, about
const LISTED = 40; // entries of the menu of hidden steps

/** The way from the root to the node in the middle; of a long one, its ends. */
export class Crumbs implements View {
  readonly element: HTMLElement;
  readonly #list = element("ol");
  #room = 0;

  constructor(private readonly store: Store) {
    this.element = element("nav", { class: "crumbs", "aria-label": "Path" }, this.#list);
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  update(changed: ReadonlySet<Change>): void {
    if (["focus", "tree", "names"].some((own) => changed.has(own as Change))) this.#draw();
  }

  #measure(): void {
    const room = Math.max(3, Math.floor(this.element.clientWidth / WIDE));
    if (room === this.#room) return;
    this.#room = room;
    this.#draw();
  }

  #draw(): void {
    const { shown, state } = this.store;
    const path = shown.tree.path(state.focus);
    if (shown.tree.isLeaf(state.focus)) this.store.need([state.focus]);
    const hidden = path.length > this.#room ? path.slice(1, path.length - this.#room + 2) : [];
    const rest = path.slice(1 + hidden.length);
    const steps = [this.#step(path[0], path.length === 1)];
    if (hidden.length > 0) steps.push(this.#gap(hidden));
    steps.push(...rest.map((node, at) => this.#step(node, at === rest.length - 1)));
    this.#list.replaceChildren(...steps);
  }

  #step(node: number, last: boolean): HTMLElement {
    const title = plain(this.store.shown.title(node), 60);
    const button = element(
      "button",
      { type: "button", title, ...(last ? { "aria-current": "location" } : {}) },
      title,
    );
    button.addEventListener("click", () => this.#go(node));
    return element("li", {}, button);
  }

  #gap(hidden: readonly number[]): HTMLElement {
    const count = hidden.length.toLocaleString("en");
    const button = element(
      "button",
      { type: "button", "aria-label": `${count} levels between`, title: `${count} levels between` },
      "…",
    );
    const every = Math.max(1, hidden.length / LISTED);
    const items = (): MenuItem[] => {
      const listed = Array.from(
        { length: Math.min(hidden.length, LISTED) },
        (_, i) => hidden[Math.floor(i * every)],
      );
      return listed.map((node) => ({
        title: plain(this.store.shown.title(node), 60),
        act: () => this.#go(node),
      }));
    };
    return element("li", { class: "gap" }, new Menu(button, "Levels between", items).element);
  }

  #go(node: number): void {
    this.store.set({ focus: node, selected: node });
  }
}
