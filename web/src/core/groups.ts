import { ranks } from "./order.ts";
import type { Hierarchy } from "./tree.ts";

/**
 * The subtree of a node cut into at most `most` groups, the highest nodes split first, in depth-first order: of the
 * whole tree the same as `Cuts.nodes`. Nodes that `whole` tells of are not split.
 */
export function groupsBelow(tree: Hierarchy, node: number, most: number, whole: (node: number) => boolean = () => false): Int32Array {
  const rank = ranks(tree);
  const splits = new Set<number>();
  const waiting: number[] = []; // few: at most `most` and a chain
  const wait = (v: number): void => {
    if (v >= tree.n && !whole(v)) waiting.push(v);
  };
  wait(node);
  let pending: number[] = [];
  let count = 1;
  while (waiting.length > 0) {
    let first = 0;
    for (let i = 1; i < waiting.length; i++) if (rank[waiting[i] - tree.n] > rank[waiting[first] - tree.n]) first = i;
    const next = waiting[first];
    const children = tree.children(next);
    if (count + children.length - 1 > most) break;
    waiting[first] = waiting[waiting.length - 1];
    waiting.pop();
    count += children.length - 1;
    // A node with one child is split only if a later split needs it.
    pending.push(next);
    if (children.length > 1) {
      for (const v of pending) splits.add(v);
      pending = [];
    }
    children.forEach(wait);
  }
  const found: number[] = [];
  const stack = [node];
  while (stack.length > 0) {
    const v = stack.pop() as number;
    if (!splits.has(v)) found.push(v);
    else stack.push(...tree.children(v).toReversed());
  }
  return Int32Array.from(found);
}

/** Which part each leaf of a tree belongs to, as runs along its depth-first order. */
export class PartRuns {
  readonly #starts: number[] = [];
  readonly #parts: number[] = [];

  /**
   * @param partOf part of a leaf, −1 for none
   * @param count number of parts
   */
  constructor(
    readonly tree: Hierarchy,
    partOf: (leaf: number) => number,
    readonly count: number,
  ) {
    let before = -2;
    for (let position = 0; position < tree.n; position++) {
      const part = partOf(tree.leafOrder[position]);
      if (part !== before) {
        this.#starts.push(position);
        this.#parts.push(part);
      }
      before = part;
    }
    this.#starts.push(tree.n);
  }

  /** Parts of the leaves under a node, with how many leaves each. */
  tally(node: number): Map<number, number> {
    const first = this.tree.start[node];
    const end = first + this.tree.size[node];
    const counts = new Map<number, number>();
    for (let run = this.#at(first); this.#starts[run] < end; run++) {
      const part = this.#parts[run];
      const leaves = Math.min(end, this.#starts[run + 1]) - Math.max(first, this.#starts[run]);
      if (part >= 0) counts.set(part, (counts.get(part) ?? 0) + leaves);
    }
    return counts;
  }

  /** Whether the leaves under a node are all of one part, so that nothing is known of its own children. */
  one(node: number): boolean {
    const run = this.#at(this.tree.start[node]);
    return this.tree.start[node] + this.tree.size[node] <= this.#starts[run + 1];
  }

  #at(position: number): number {
    let [low, high] = [0, this.#parts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle] <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Mean rows (g × dim) of groups, of the parts' rows by their leaves; NaN where nothing is known of any leaf. */
export function meanRows(runs: PartRuns, groups: Int32Array, rows: Float32Array, dim: number): Float64Array {
  const means = new Float64Array(groups.length * dim);
  groups.forEach((group, g) => {
    let leaves = 0;
    for (const [part, count] of runs.tally(group)) {
      leaves += count;
      for (let j = 0; j < dim; j++) means[g * dim + j] += count * rows[part * dim + j];
    }
    for (let j = 0; j < dim; j++) means[g * dim + j] /= leaves;
  });
  return means;
}

/** Similarities (g × g) of groups: the mean of those of their members, as rows have unit length. */
export function similarities(means: Float64Array, dim: number): Float64Array {
  const count = dim === 0 ? 0 : means.length / dim;
  const matrix = new Float64Array(count * count);
  for (let a = 0; a < count; a++) {
    for (let b = a; b < count; b++) {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += means[a * dim + j] * means[b * dim + j];
      matrix[a * count + b] = sum;
      matrix[b * count + a] = sum;
    }
  }
  return matrix;
}
