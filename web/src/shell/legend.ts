import { element, plain } from "../page/dom.ts";
import type { Change, Store, View } from "../page/store.ts";

/** The choice of what colours stand for, and their legend. */
export class Legend implements View {
  readonly element: HTMLElement;
  readonly #select = element("select", { id: "colour" });
  readonly #list = element("ul", { class: "keys", tabindex: "0", "aria-label": "Colours" });
  readonly #note = element("p", { class: "note" });

  constructor(private readonly store: Store) {
    const titles = store.page.columns.map(({ title }) => title);
    const usual = [
      ["branch", "Branch"],
      ["layer", "Clusters of the cut"],
    ];
    if (store.shown.data.head.match !== null) usual.push(["agreement", "Agreement of trees"]);
    this.#select.append(
      ...[...usual, ...titles.map((title) => [title, plain(title, 40) || "(no title)"])].map(
        ([value, text]) => element("option", { value }, text),
      ),
    );
    this.#select.addEventListener("change", () => store.set({ colour: this.#select.value }));
    const choice = element("label", { class: "choice", for: "colour" }, "Colour", this.#select);
    this.element = element(
      "section",
      { class: "colour-legend", "aria-label": "Colours" },
      choice,
      this.#list,
      this.#note,
    );
  }

  update(changed: ReadonlySet<Change>): void {
    const { state, shown, colours } = this.store;
    const cut = state.colour === "layer" && (changed.has("k") || changed.has("least"));
    if (!cut && !["colour", "tree", "theme", "names"].some((own) => changed.has(own as Change))) return;
    this.#select.value = state.colour;
    const css = colours.css("");
    const rows = colours.legend();
    const numbers = colours.scaled;
    this.#list.classList.toggle("scale", numbers);
    this.#list.replaceChildren(
      ...rows.map(({ title, colour }) => {
        const dot = element("span", { class: "dot" });
        dot.style.background = css[colour];
        const text = plain(title, 60) || "(empty)";
        return element("li", { title: text }, dot, element("span", {}, text));
      }),
    );
    const { categories } = colours;
    this.#list.hidden = rows.length === 0;
    const note =
      categories > rows.length
        ? `${categories.toLocaleString("en")} in all: the ${rows.length} colours repeat`
        : rows.length === 0
          ? numbers
            ? "No values"
            : "Too small for branches"
          : "";
    this.#note.textContent = note;
    this.#note.hidden = note === "";
    if (state.colour === "layer")
      this.store.need(
        shown.cuts
          .nodes(state.k)
          .subarray(0, rows.length)
          .filter((node) => shown.tree.isLeaf(node)),
      );
  }
}
