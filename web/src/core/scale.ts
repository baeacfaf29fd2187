import type { Cuts } from "./cut.ts";

const SLIGHT = 1e-12;

/** What the cut slider goes by. */
export type Measure = "count" | "height";

/** Places of cuts on a slider from 0 (one cluster) to 1 (every leaf for itself), all of counts that the tree gives. */
export class CutScale {
  readonly #most: number;
  readonly #top: number;

  constructor(
    readonly cuts: Cuts,
    readonly by: Measure,
  ) {
    const { tree } = cuts;
    this.#most = cuts.reached(tree.n);
    this.#top = tree.height[tree.root];
  }

  /** Place of the cut into k clusters: on a log scale by count, linear by height. */
  place(k: number): number {
    if (this.by === "height") return this.#top > 0 ? 1 - this.cuts.heightOf(k) / this.#top : 0;
    return this.#most > 1 ? Math.log(this.cuts.reached(k)) / Math.log(this.#most) : 0;
  }

  /** Clusters of the cut at a place. */
  at(place: number): number {
    // A little higher, so that the place of a height, which is rounded, does not split the node of that height.
    if (this.by === "height") return this.#ofHeight(place < 1 ? (1 - place + SLIGHT) * this.#top : 0);
    const wanted = this.#most ** place;
    const below = this.cuts.reached(Math.max(1, Math.floor(wanted * (1 + SLIGHT))));
    const above = this.#after(below);
    return above / wanted < wanted / below ? above : below;
  }

  /** The next finer (1) or coarser (-1) cut; the same where there is none. */
  next(k: number, step: 1 | -1): number {
    const now = this.cuts.reached(k);
    if (this.by === "count") return step > 0 ? this.#after(now) : this.cuts.reached(Math.max(now - 1, 1));
    const height = this.cuts.heightOf(now);
    if (step > 0) return Math.max(now, this.#ofHeight(prior(height)));
    const { splits, height: heights } = this.cuts.tree;
    // The lowest height above: that of the last of the splits above this height.
    let above = this.cuts.above(height);
    while (above > 0) {
      const coarser = this.#ofHeight(heights[splits[splits.length - above]]);
      if (coarser < now) return coarser;
      above = this.cuts.above(heights[splits[splits.length - above]]);
    }
    return now;
  }

  #ofHeight(height: number): number {
    return this.cuts.counts[this.cuts.above(Math.max(height, 0))];
  }

  /** The least count above one, itself if it is the largest. */
  #after(count: number): number {
    const { counts } = this.cuts;
    let [low, high] = [0, counts.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (counts[middle] > count) high = middle;
      else low = middle + 1;
    }
    return Math.max(counts[low], count);
  }
}

/** The largest number below one that is above 0; 0 stays. */
function prior(value: number): number {
  if (!(value > 0)) return 0;
  const bits = new BigInt64Array(new Float64Array([value]).buffer);
  return new Float64Array(new BigInt64Array([bits[0] - 1n]).buffer)[0];
}
