import { legible } from "./contrast.ts";
import type { Column } from "./data.ts";
import type { Shown } from "./shown.ts";
import { DARK, isDark, LIGHT } from "./theme.ts";

/** Paul Tol's "muted" scheme and four more of his colours, distinct with any kind of colour vision. */
export const PALETTE = [
  "#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99", "#AA4499", "#999933", "#6699CC", "#661100", "#BBBBBB",
] as const;
/** From low to high, as bright in the middle as at no end: legible in grey, too. */
const SCALE = ["#352A87", "#2C5C94", "#2E8B9A", "#5BB27B", "#B8CC58", "#F3D94E"] as const;
const CONTRAST = 2.4; // to the ground, at least
const SAMPLED = 256; // leaves of a node that its mix is judged by

/** Colours of nodes by what the user has chosen to see. */
export class Colours {
  readonly #known = new Map<number, number>();
  /** Disjoint nodes in depth-first order, of a colour each, and the first position under each. */
  readonly #groups: Int32Array;
  readonly #starts: Int32Array;
  readonly #layered: boolean;
  readonly #sums: Float64Array | null = null;
  readonly #counts: Int32Array | null = null;
  readonly #range: [number, number] = [0, 1];
  readonly column: Column | null;
  /** Whether colours are from low to high. */
  readonly scaled: boolean;

  constructor(
    readonly shown: Shown,
    readonly by: string,
    private readonly k: number,
    private readonly least = 1,
  ) {
    const { tree } = shown;
    const column = shown.page.columns.find(({ title }) => title === by) ?? null;
    this.column = column;
    this.scaled = column?.kind === "number" || (column === null && by === "agreement");
    this.#layered = column === null && by === "layer";
    this.#groups = this.#layered ? shown.cuts.nodes(k) : Int32Array.from(shown.branches);
    this.#starts = this.#groups.map((node) => tree.start[node]);
    if (column?.kind === "number") {
      const { n, leafOrder } = tree;
      const { leaves } = shown.revision;
      const sums = new Float64Array(n + 1);
      const counts = new Int32Array(n + 1);
      let [low, high] = [Infinity, -Infinity];
      for (let position = 0; position < n; position++) {
        const leaf = leafOrder[position];
        const value = column.codes[leaves === null ? leaf : leaves[leaf]];
        const known = Number.isFinite(value);
        sums[position + 1] = sums[position] + (known ? value : 0);
        counts[position + 1] = counts[position] + (known ? 1 : 0);
        if (known && value < low) low = value;
        if (known && value > high) high = value;
      }
      this.#sums = sums;
      this.#counts = counts;
      this.#range = [low, high];
    }
  }

  /** Whether these are the colours of a choice. */
  is(shown: Shown, by: string, k: number, least: number): boolean {
    if (shown !== this.shown || by !== this.by) return false;
    return !this.#layered || (k === this.k && least === this.least);
  }

  /** Number of a node's colour in `css`: 0 for nodes of no one colour. */
  of(node: number): number {
    let colour = this.#known.get(node);
    if (colour === undefined) {
      colour = this.#find(node);
      this.#known.set(node, colour);
    }
    return colour;
  }

  /** CSS colours by number, with that of the trunk (for 0) first; they stand out from the ground of the theme. */
  css(trunk: string): string[] {
    const ground = isDark() ? DARK : LIGHT;
    const own = this.scaled ? SCALE : PALETTE;
    return [trunk, ...own.map((colour) => legible(colour, ground, CONTRAST))];
  }

  /** What colours stand for, for a legend: at most as many as there are colours, or the ends of the scale. */
  legend(): { title: string; colour: number }[] {
    const { shown, column } = this;
    const numbered = (titles: readonly string[]): { title: string; colour: number }[] =>
      titles.slice(0, PALETTE.length).map((title, at) => ({ title, colour: 1 + at }));
    if (column?.kind === "category") return numbered(column.values);
    if (this.scaled) {
      const [low, high] = this.#range;
      if (low > high) return [];
      return SCALE.map((_, step) => ({ title: String(Number((low + ((high - low) * step) / (SCALE.length - 1)).toPrecision(3))), colour: 1 + step }));
    }
    return numbered(Array.from(this.#groups.subarray(0, PALETTE.length), (node) => shown.title(node)));
  }

  /** Number of categories, branches or clusters; beyond the number of colours they repeat. */
  get categories(): number {
    if (this.scaled) return 0;
    return this.column?.kind === "category" ? this.column.values.length : this.#groups.length;
  }

  #find(node: number): number {
    const { shown, column } = this;
    const { tree } = shown;
    if (column === null && this.scaled) {
      const jaccard = shown.match(node);
      return jaccard === null ? 0 : this.#step(jaccard);
    }
    if (column === null) {
      const at = lastAtMost(this.#starts, tree.start[node]);
      if (at < 0 || !tree.holds(this.#groups[at], node)) return 0;
      const counted = !this.#layered || tree.size[this.#groups[at]] >= this.least;
      return counted ? 1 + (at % PALETTE.length) : 0;
    }
    const first = tree.start[node];
    const size = tree.size[node];
    if (column.kind === "number") {
      const sums = this.#sums as Float64Array;
      const counts = this.#counts as Int32Array;
      const known = counts[first + size] - counts[first];
      if (known === 0) return 0;
      return this.#step((sums[first + size] - sums[first]) / known);
    }
    const tally = new Map<number, number>();
    const count = Math.min(size, SAMPLED);
    for (let i = 0; i < count; i++) {
      const code = column.codes[shown.sample(tree.leafOrder[first + Math.floor((i * size) / count)])];
      if (code >= 0) tally.set(code, (tally.get(code) ?? 0) + 1);
    }
    let [best, most, known] = [-1, 0, 0];
    for (const [code, times] of tally) {
      known += times;
      if (times > most || (times === most && code < best)) [best, most] = [code, times];
    }
    return 2 * most > known ? 1 + (best % PALETTE.length) : 0;
  }

  #step(value: number): number {
    const [low, high] = this.#range;
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return 1 + Math.min(Math.floor(share * SCALE.length), SCALE.length - 1);
  }
}

function lastAtMost(ascending: Int32Array, value: number): number {
  let [low, high] = [-1, ascending.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ascending[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
