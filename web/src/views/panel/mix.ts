import { PALETTE } from "../../page/colours.ts";
import type { Column } from "../../page/data.ts";
import { element, plain } from "../../page/dom.ts";
import type { Change, View } from "../../page/store.ts";
import { count, percent, section, type PanelContext } from "./context.ts";

const [FEW, MANY] = [8, 200]; // values shown at first, and at most

/** What the samples under the selected node are, by the labels or any other column. */
export class Mix implements View {
  readonly element: HTMLElement;
  readonly #select = element("select", { "aria-label": "Column of the mix", "data-key": "mix" });
  readonly #body = element("div");
  #most = FEW;

  constructor(private readonly context: PanelContext) {
    const { columns } = context.store.page;
    columns.forEach(({ title }, at) => this.#select.append(element("option", { value: String(at) }, plain(title, 60) || "(no title)")));
    this.#select.hidden = columns.length < 2;
    this.#select.addEventListener("change", () => {
      this.#most = FEW;
      this.#show();
    });
    this.element = section("Mix", this.#select, this.#body);
    const [heading] = this.element.children;
    if (columns.length === 1) heading.replaceChildren("Mix by ", element("bdi", {}, plain(columns[0].title, 60)));
  }

  update(changed: ReadonlySet<Change>): void {
    const { shown, state, page } = this.context.store;
    const coloured = page.columns.findIndex(({ title }) => title === state.colour);
    if (changed.has("colour") && coloured >= 0) this.#select.value = String(coloured);
    this.element.hidden = page.columns.length === 0 || shown.tree.isLeaf(state.selected);
    if (this.element.hidden || !["selected", "tree", "colour"].some((own) => changed.has(own as Change))) return;
    if (changed.has("selected")) this.#most = FEW;
    this.#show();
  }

  #show(): void {
    const { shown, state, page } = this.context.store;
    const column = page.columns[Number(this.#select.value) || 0];
    const leaves = shown.tree.leaves(state.selected);
    const parts = column.kind === "category" ? this.#bars(column, leaves, state.colour === column.title) : this.#range(column, leaves);
    this.#body.replaceChildren(...parts);
  }

  #bars(column: Extract<Column, { kind: "category" }>, leaves: Int32Array, coloured: boolean): HTMLElement[] {
    const { shown } = this.context.store;
    const counts = new Int32Array(column.values.length);
    let unknown = 0;
    for (const leaf of leaves) {
      const code = column.codes[shown.sample(leaf)];
      if (code < 0) unknown++;
      else counts[code]++;
    }
    const codes = Array.from(counts.keys()).filter((code) => counts[code] > 0);
    codes.sort((a, b) => counts[b] - counts[a] || a - b);
    const shownCodes = codes.slice(0, this.#most);
    const rows = shownCodes.map((code) => {
      const bar = element("span", { class: "bar", "aria-hidden": "true" });
      bar.style.width = `${(100 * counts[code]) / counts[codes[0]]}%`;
      if (coloured) bar.style.backgroundColor = PALETTE[code % PALETTE.length];
      const value = element("bdi", { class: "value" }, plain(column.values[code], 80) || "(empty)");
      return element("li", {}, value, element("span", { class: "size" }, `${counts[code].toLocaleString("en")} · ${percent(counts[code] / leaves.length)}`), bar);
    });
    const parts: HTMLElement[] = [element("ul", { class: "bars", tabindex: "-1" }, ...rows)];
    const rest = codes.slice(shownCodes.length);
    if (rest.length > 0) {
      const others = rest.reduce((sum, code) => sum + counts[code], 0);
      const told = element("p", { class: "about" }, `and ${count(rest.length, "other value")} of ${count(others, "sample")}. `);
      if (this.#most < MANY) {
        const more = element("button", { type: "button", class: "more", "data-key": "mix-more" }, "Show more");
        more.addEventListener("click", () => {
          this.#most = MANY;
          this.#show();
          this.#body.querySelector<HTMLElement>("ul")?.focus();
        });
        told.append(more);
      }
      parts.push(told);
    }
    if (unknown > 0) parts.push(element("p", { class: "about" }, `${count(unknown, "sample")} without a value.`));
    return parts;
  }

  #range(column: Extract<Column, { kind: "number" }>, leaves: Int32Array): HTMLElement[] {
    const { shown } = this.context.store;
    let [low, high, sum, known] = [Infinity, -Infinity, 0, 0];
    for (const leaf of leaves) {
      const value = column.codes[shown.sample(leaf)];
      if (!Number.isFinite(value)) continue;
      known++;
      sum += value;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (known === 0) return [element("p", { class: "about" }, "No sample has a value.")];
    const text = (value: number): string => value.toLocaleString("en", { maximumSignificantDigits: 4 });
    const facts = [["Mean", text(sum / known)], ["From", text(low)], ["To", text(high)]];
    const parts: HTMLElement[] = [element("dl", { class: "facts" }, ...facts.flatMap(([title, own]) => [element("dt", {}, title), element("dd", {}, own)]))];
    if (known < leaves.length) parts.push(element("p", { class: "about" }, `${count(leaves.length - known, "sample")} without a value.`));
    return parts;
  }
}
