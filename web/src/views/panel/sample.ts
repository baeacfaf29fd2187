import { element } from "../../page/dom.ts";
import type { Column } from "../../page/data.ts";
import type { Change, View } from "../../page/store.ts";
import { section, type PanelContext } from "./context.ts";
import type { MediaParts } from "./media.ts";

/** The selected leaf in full: picture, sound, text, id and its values. */
export class Sample implements View {
  readonly element = element("div");

  constructor(
    private readonly context: PanelContext,
    private readonly media: MediaParts,
  ) {}

  update(changed: ReadonlySet<Change>): void {
    if (!changed.has("selected") && !changed.has("tree") && !changed.has("names")) return;
    const { shown, state, page } = this.context.store;
    const leaf = state.selected;
    this.element.hidden = !shown.tree.isLeaf(leaf);
    if (this.element.hidden) return this.element.replaceChildren();
    const sample = shown.sample(leaf);
    if (changed.has("selected") || changed.has("tree")) {
      const parts = [this.media.image(leaf, "large"), this.media.sound(leaf, "sample")];
      const values = page.columns.flatMap((column) => [element("dt", {}, element("bdi", {}, column.title)), element("dd", {}, element("bdi", {}, valueOf(column, sample)))]);
      this.element.replaceChildren(
        ...parts.filter((part) => part !== null),
        section("In full", element("dl", { class: "facts whole" })),
        ...(values.length > 0 ? [section("Values", element("dl", { class: "facts" }, ...values))] : []),
      );
      if (page.ids !== null && page.ids.at(sample) === undefined) void page.ids.load(sample).then(() => this.context.store.tell("names"));
    }
    this.#tell(leaf, sample);
  }

  #tell(leaf: number, sample: number): void {
    const { shown, page } = this.context.store;
    const list = this.element.querySelector("dl.whole");
    const id = page.ids === null ? `#${sample}` : page.ids.at(sample);
    const name = page.names === null ? undefined : shown.leafName(leaf);
    const text = (title: string, own: string): HTMLElement[] => [
      element("dt", {}, title),
      element("dd", {}, element("div", { class: "text", dir: "auto", tabindex: "0", role: "group", "aria-label": title }, own)),
    ];
    list?.replaceChildren(...(name === undefined ? [] : text("Name", name === "" ? "(empty)" : name)), ...(id === undefined ? [] : text("Id", id === "" ? "(empty)" : id)));
  }
}

function valueOf(column: Column, sample: number): string {
  const code = column.codes[sample];
  if (column.kind === "category") return code < 0 ? "unknown" : column.values[code] || "(empty)";
  return Number.isNaN(code) ? "unknown" : code.toLocaleString("en", { maximumSignificantDigits: 6 });
}
