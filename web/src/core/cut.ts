import type { Hierarchy } from "./tree.ts";

/** Flat clusterings of a tree by splitting the highest nodes first, as `Tree.cut_nodes` and `Tree.cut`. */
export class Cuts {
  /** counts[i]: number of clusters after i splits, (m-n+1), ascending. */
  readonly counts: Int32Array;
  #known: { count: number; nodes: Int32Array } | undefined;

  constructor(readonly tree: Hierarchy) {
    const { splits, childPointer } = tree;
    this.counts = new Int32Array(splits.length + 1);
    this.counts[0] = 1;
    for (let i = 0; i < splits.length; i++) {
      const node = splits[splits.length - 1 - i];
      this.counts[i + 1] = this.counts[i] + childPointer[node + 1] - childPointer[node] - 1;
    }
  }

  /** The largest count of clusters that some number of splits gives and is at most k. */
  reached(k: number): number {
    return this.counts[this.#last(k)];
  }

  /** Cluster nodes in depth-first order, at most k of them; not to be written to. */
  nodes(k: number): Int32Array {
    const count = this.reached(k);
    if (this.#known?.count !== count) this.#known = { count, nodes: below(this.tree, this.#first(count)) };
    return this.#known.nodes;
  }

  /** The clusters when every node above the height is split, in depth-first order. */
  nodesAtHeight(height: number): Int32Array {
    const { splits } = this.tree;
    return below(this.tree, splits.subarray(splits.length - this.above(height)));
  }

  /** Number of inner nodes above a height: that many splits. */
  above(height: number): number {
    const { splits, height: own } = this.tree;
    let [low, high] = [0, splits.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (own[splits[splits.length - 1 - middle]] > height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Height below which k clusters begin: of the highest node that is not split. */
  heightOf(k: number): number {
    const { splits, height } = this.tree;
    const done = this.#last(k);
    return done < splits.length ? height[splits[splits.length - 1 - done]] : 0;
  }

  /** As few splits as give a count: a node with one child changes nothing. */
  #first(count: number): Int32Array {
    const { splits } = this.tree;
    let done = this.#last(count);
    while (done > 0 && this.counts[done - 1] === count) done--;
    return splits.subarray(splits.length - done);
  }

  #last(k: number): number {
    let low = 0;
    let high = this.counts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.counts[middle] <= k) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}


/** Nodes not split whose parent is, in depth-first order. */
function below(tree: Hierarchy, splits: Int32Array): Int32Array {
  if (splits.length === 0) return Int32Array.of(tree.root);
  const split = new Uint8Array(tree.m);
  for (const node of splits) split[node] = 1;
  // Disjoint nodes begin at different leaves, so a sweep over these puts them in order.
  const first = new Int32Array(tree.n).fill(-1);
  let count = 0;
  for (const node of splits) {
    for (let at = tree.childPointer[node]; at < tree.childPointer[node + 1]; at++) {
      const child = tree.childIndex[at];
      if (split[child]) continue;
      first[tree.start[child]] = child;
      count++;
    }
  }
  const nodes = new Int32Array(count);
  for (let position = 0, at = 0; at < count; position++) if (first[position] >= 0) nodes[at++] = first[position];
  return nodes;
}
