import { element, plain } from "../page/dom.ts";
import { Finder, type Found } from "../page/find.ts";
import { namesAbove } from "../page/paths.ts";
import type { Change, Store, View } from "../page/store.ts";
import { icon } from "./icons.ts";
import { placeBelow } from "./menu.ts";

const LISTED = 50;
const MARKED = 10_000;
const ABOVE = 3; // names of a result's path

/** The search box: a combobox over the names and ids of nodes and leaves. */
export class SearchBox implements View {
  readonly element: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #list = element("ul", { id: "search-results", role: "listbox", "aria-label": "Results" });
  readonly #status = element("span", { role: "status" });
  readonly #mark = element("button", { type: "button", hidden: true });
  readonly #popup: HTMLElement;
  readonly #finder: Finder;
  #running = new AbortController();
  #found: Found | null = null;
  #nodes: number[] = [];
  #active = -1;
  #searched = "";
  #given: ReadonlyMap<number, string> | null = null;

  constructor(private readonly store: Store) {
    this.#finder = new Finder(store.shown);
    this.#input = element("input", {
      type: "text",
      role: "combobox",
      id: "search",
      placeholder: "Search names and ids",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: "200",
      "aria-label": "Search names and ids",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": "search-results",
    });
    const foot = element("div", { class: "foot" }, this.#status, this.#mark);
    this.#popup = element("div", { class: "popup search-popup", hidden: true }, this.#list, foot);
    this.element = element(
      "div",
      { class: "search-box", role: "search" },
      icon("search"),
      this.#input,
      this.#popup,
    );
    this.#input.addEventListener("input", () => store.set({ query: this.#input.value }));
    this.#input.addEventListener("focus", () => this.#search());
    this.#input.addEventListener("click", () => this.#search());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.#close();
    });
    // A press on the list must not take the focus out of the box.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const option = (event.target as Element).closest("[role=option]");
      if (option !== null) this.#go([...this.#list.children].indexOf(option));
    });
    this.#mark.addEventListener("click", () => {
      if (this.#found !== null) store.set({ chosen: this.#found.best(MARKED) });
      this.#close();
    });
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("query") && this.#input.value !== this.store.state.query)
      this.#input.value = this.store.state.query;
    if (changed.has("tree") || (changed.has("names") && this.#popup.hidden)) this.#searched = "";
    if (document.activeElement === this.#input && (changed.has("query") || changed.has("tree")))
      this.#search();
    else if (changed.has("names") && !this.#popup.hidden) {
      if (this.store.shown.given === this.#given) this.#draw();
      else this.#search();
    }
  }

  #search(): void {
    const query = this.store.state.query.trim();
    if (query === "") return this.#close();
    const { given } = this.store.shown;
    if (query === this.#searched && given === this.#given) return this.#open();
    this.#running.abort();
    this.#running = new AbortController();
    this.#searched = query;
    this.#given = given;
    this.#found = null;
    this.#status.textContent = "Searching…";
    const tell = (found: Found, done: boolean): void => {
      this.#found = found;
      const first = done || this.#nodes.length < LISTED;
      if (first) this.#draw();
      this.#status.textContent = `${found.count.toLocaleString("en")} ${found.count === 1 ? "hit" : "hits"}${done ? "" : " so far…"}`;
    };
    this.#nodes = [];
    this.#active = -1;
    this.#finder.find(query, this.store.shown, this.#running.signal, tell).catch((error: unknown) => {
      this.#searched = "";
      this.#status.textContent = error instanceof Error ? error.message : String(error);
    });
    this.#open();
  }

  #open(): void {
    this.#popup.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    placeBelow(this.#popup, this.element);
  }

  #close(): void {
    this.#popup.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  #draw(): void {
    const { shown } = this.store;
    const count = this.#found?.count ?? 0;
    this.#nodes = this.#found?.best(LISTED) ?? [];
    this.#active = Math.min(Math.max(this.#active, 0), this.#nodes.length - 1);
    this.store.need(this.#nodes.filter((node) => shown.tree.isLeaf(node)));
    this.#list.replaceChildren(...this.#nodes.map((node, at) => this.#option(node, at)));
    this.#list.hidden = this.#nodes.length === 0;
    this.#mark.hidden = count === 0;
    this.#mark.textContent =
      count > MARKED
        ? `Mark the first ${MARKED.toLocaleString("en")}`
        : count === 1
          ? "Mark it"
          : `Mark all ${count.toLocaleString("en")}`;
    this.#activate(this.#active);
  }

  #option(node: number, at: number): HTMLElement {
    const { shown } = this.store;
    const { tree } = shown;
    const title = plain(shown.title(node), 80) || "(no name)";
    const id = tree.isLeaf(node) && shown.page.names !== null ? plain(shown.leafId(node) ?? "", 40) : "";
    const kind = tree.isLeaf(node)
      ? id === title
        ? ""
        : id
      : `${tree.size[node].toLocaleString("en")} samples`;
    const path = namesAbove(shown, node, ABOVE)
      .map((name) => plain(name, 40))
      .join(" › ");
    const option = element("li", { role: "option", id: `search-${at}`, "aria-selected": "false" });
    option.append(
      element("span", { class: "title" }, title),
      element("span", { class: "kind" }, kind),
      element("span", { class: "path" }, path),
    );
    return option;
  }

  #key(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (event.key === "Escape") {
      event.stopPropagation();
      if (this.#popup.hidden) this.store.set({ query: "" });
      this.#close();
    } else if (step !== undefined) {
      event.preventDefault();
      if (this.#popup.hidden) this.#search();
      else this.#activate(Math.max(0, Math.min(this.#active + step, this.#nodes.length - 1)));
    } else if (event.key === "Enter" && this.#active >= 0) {
      event.preventDefault();
      this.#go(this.#active);
    }
  }

  #activate(at: number): void {
    this.#list.children[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = at;
    const option = this.#list.children[at];
    if (option === undefined) return this.#input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option.id);
  }

  #go(at: number): void {
    const node = this.#nodes[at];
    if (node === undefined) return;
    this.store.set({ focus: node, selected: node });
    this.#close();
  }
}
