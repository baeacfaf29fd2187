import { plain } from "../page/dom.ts";
import type { Shown } from "../page/shown.ts";

const LONGEST = 230; // pixels in type of 16
const MOST_WIDTHS = 20_000;

/** What nodes are called in the picture, in texts that are short enough, with their widths. */
export class Names {
  readonly #texts = new Map<number, string>();
  /** Inner nodes whose text is their size. */
  readonly #unnamed = new Set<number>();
  readonly #widths = new Map<string, number>();
  readonly #missing = new Set<number>();

  /** `measure` gives the width of a text in type of 16 pixels. */
  constructor(
    private readonly shown: () => Shown,
    private readonly measure: (text: string) => number,
  ) {}

  /** Forgets all names: others may be known now. */
  clear(): void {
    this.#texts.clear();
    this.#unnamed.clear();
    this.#missing.clear();
  }

  /** The text of a node; "" for a leaf whose name is not yet read. */
  text(node: number): string {
    let text = this.#texts.get(node);
    if (text === undefined) {
      text = this.#find(node);
      this.#texts.set(node, text);
    }
    return text;
  }

  /** Whether the text of an inner node is its size, for want of a name. */
  unnamed(node: number): boolean {
    this.text(node);
    return this.#unnamed.has(node);
  }

  width(text: string): number {
    let width = this.#widths.get(text);
    if (width === undefined) {
      width = this.measure(text);
      if (this.#widths.size > MOST_WIDTHS) this.#widths.clear();
      this.#widths.set(text, width);
    }
    return width;
  }

  /** Leaves whose names were asked for since, and are not yet read. */
  takeMissing(): number[] {
    const missing = [...this.#missing];
    this.#missing.clear();
    return missing;
  }

  #find(node: number): string {
    const shown = this.shown();
    const leaf = shown.tree.isLeaf(node);
    const name = plain(shown.name(node), 60);
    if (name !== "") return this.#fitted(name);
    if (!leaf) {
      this.#unnamed.add(node);
      return shown.tree.size[node].toLocaleString("en");
    }
    if (shown.leafName(node) !== undefined) return this.#fitted(plain(shown.title(node), 60));
    this.#missing.add(node);
    return "";
  }

  #fitted(text: string): string {
    if (this.width(text) <= LONGEST) return text;
    const signs = Array.from(text);
    let [low, high] = [1, signs.length - 1];
    const cut = (count: number): string => `${signs.slice(0, count).join("").trimEnd()}…`;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.measure(cut(middle)) <= LONGEST) low = middle;
      else high = middle - 1;
    }
    return cut(low);
  }
}
