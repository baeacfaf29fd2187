import { tellingWords, WordCounts } from "../../core/words.ts";
import { element, plain } from "../../page/dom.ts";
import type { Change, View } from "../../page/store.ts";
import { percent, section, type PanelContext } from "./context.ts";

const SAMPLED = 2000; // names of each side that are read
const MOST_WORDS = 8;
const AT_ONCE = 8; // milliseconds of work between two frames
const PAUSE = 150; // milliseconds after which a node is taken to be looked at

/** Words that names under the selected node hold more often than those of its siblings. */
export class Words implements View {
  readonly element: HTMLElement;
  readonly #body = element("div");
  #asked = 0;

  constructor(private readonly context: PanelContext) {
    this.element = section("Words that set it apart", this.#body);
  }

  update(changed: ReadonlySet<Change>): void {
    if (!changed.has("selected") && !changed.has("tree")) return;
    const { shown, state, page } = this.context.store;
    const { tree } = shown;
    const node = state.selected;
    const asked = ++this.#asked;
    this.element.hidden = (page.names ?? page.ids) === null || tree.isLeaf(node) || node === tree.root;
    if (this.element.hidden) return;
    this.#body.replaceChildren(element("p", { class: "about" }, "reading names …"));
    setTimeout(() => {
      if (asked === this.#asked) void this.#find(node, asked);
    }, PAUSE);
  }

  async #find(node: number, asked: number): Promise<void> {
    const { shown } = this.context.store;
    const { tree } = shown;
    const above = tree.parent[node];
    const [start, size] = [tree.start[node], tree.size[node]];
    const others = tree.size[above] - size;
    const before = start - tree.start[above];
    const inside = sampled(size, (at) => tree.leafOrder[start + at]);
    const outside = sampled(others, (at) => tree.leafOrder[at < before ? tree.start[above] + at : at + size + tree.start[above]]);
    try {
      await shown.load([...inside, ...outside]);
    } catch (error) {
      this.#body.replaceChildren(element("p", { class: "about" }, error instanceof Error ? error.message : String(error)));
      return;
    }
    const [own, beside] = [new WordCounts(), new WordCounts()];
    let paused = performance.now();
    for (const [leaves, counts] of [[inside, own], [outside, beside]] as const) {
      for (const leaf of leaves) {
        if (performance.now() - paused > AT_ONCE) {
          await new Promise((go) => setTimeout(go));
          paused = performance.now();
        }
        if (asked !== this.#asked) return;
        counts.add(shown.leafName(leaf) ?? "");
      }
    }
    const words = tellingWords(own, beside, MOST_WORDS);
    const parts: HTMLElement[] = [];
    if (words.length > 0) {
      const rows = words.map(({ word, inside: within, outside: other }) =>
        element(
          "li",
          {},
          element("bdi", { class: "value" }, plain(word, 60)),
          element("span", { class: "size" }, `in ${percent(within / inside.length)}, beside it ${percent(outside.length === 0 ? 0 : other / outside.length)}`),
        ),
      );
      parts.push(element("ul", { class: "bars" }, ...rows));
    } else parts.push(element("p", { class: "about" }, "No word of the names tells it from the groups beside it."));
    if (inside.length < size || outside.length < others) {
      parts.push(element("p", { class: "about" }, `Judged by ${inside.length.toLocaleString("en")} names of it and ${outside.length.toLocaleString("en")} beside it.`));
    }
    this.#body.replaceChildren(...parts);
  }
}

/** At most so many of a row of leaves, evenly spaced. */
function sampled(size: number, leaf: (at: number) => number): number[] {
  const count = Math.min(size, SAMPLED);
  return Array.from({ length: count }, (_, at) => leaf(Math.floor((at * size) / count)));
}
