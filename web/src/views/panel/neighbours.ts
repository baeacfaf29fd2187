import { element } from "../../page/dom.ts";
import type { Change, View } from "../../page/store.ts";
import { section, type PanelContext } from "./context.ts";
import { PagedList } from "./pager.ts";

const PER_PAGE = 10;

/** A list of the section, and what it holds for the selected node. */
interface List {
  element: HTMLElement;
  list: PagedList;
  nodes: (node: number) => ArrayLike<number>;
  key: string;
}

/** The nodes around the selected one: what it consists of, what is beside it, what is above. */
export class Neighbours implements View {
  readonly element = element("div");
  readonly #lists: List[];

  constructor(private readonly context: PanelContext) {
    const { store } = context;
    const of = (title: string, key: string, nodes: (node: number) => ArrayLike<number>): List => {
      const list = new PagedList(PER_PAGE, title);
      return { element: section(title, list.element), list, nodes, key };
    };
    this.#lists = [
      of("Consists of", "below", (node) => store.shown.tree.children(node)),
      of("Beside it", "beside", (node) => {
        const above = store.shown.tree.parent[node];
        return above < 0 ? [] : store.shown.tree.children(above).filter((own) => own !== node);
      }),
      of("Part of", "above", (node) => [store.shown.tree.parent[node]].filter((above) => above >= 0)),
    ];
    this.element.append(...this.#lists.map((own) => own.element));
  }

  update(changed: ReadonlySet<Change>): void {
    if (!["selected", "tree", "names"].some((own) => changed.has(own as Change))) return;
    const { selected } = this.context.store.state;
    for (const { element: part, list, nodes, key } of this.#lists) {
      const own = nodes(selected);
      part.hidden = own.length === 0;
      list.show(own.length, (at) => this.#row(own[at], key), (from, to) => this.#need(own, from, to), changed.has("selected") ? 0 : list.page);
    }
  }

  #row(node: number, key: string): HTMLLIElement {
    const { shown } = this.context.store;
    const { tree } = shown;
    // What has no name is called by its size already.
    const told = tree.isLeaf(node) ? "sample" : shown.name(node) === "" ? "" : tree.size[node].toLocaleString("en");
    const size = element("span", { class: "size" }, told);
    return element("li", {}, this.context.box(node, key), this.context.swatch(node), this.context.link(node, key), size);
  }

  #need(nodes: ArrayLike<number>, from: number, to: number): void {
    const { tree } = this.context.store.shown;
    this.context.store.need(Array.from({ length: to - from }, (_, at) => nodes[from + at]).filter((node) => tree.isLeaf(node)));
  }
}
