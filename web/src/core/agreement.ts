import type { Hierarchy } from "./tree.ts";

/** The node of a tree whose leaves are most like given ones. */
export interface Match {
  node: number;
  /** Leaves in both over leaves in either. */
  jaccard: number;
  /** Leaves in both. */
  common: number;
}

/** The best match of some distinct leaves among all nodes of a tree; of equal ones the smallest node. O(m). */
export function bestMatch(tree: Hierarchy, leaves: Iterable<number>): Match {
  const common = new Int32Array(tree.m);
  let count = 0;
  for (const leaf of leaves) {
    common[leaf] = 1;
    count++;
  }
  for (let v = 0; v < tree.root; v++) common[tree.parent[v]] += common[v];
  let best: Match = { node: tree.root, jaccard: -1, common: 0 };
  for (let v = 0; v < tree.m; v++) {
    const jaccard = common[v] / (tree.size[v] + count - common[v]);
    if (jaccard > best.jaccard) best = { node: v, jaccard, common: common[v] };
  }
  return best;
}

/** How many samples two groupings have in common: table[a * columns + b]; −1 belongs to no group. */
export function contingency(a: Int32Array, rows: number, b: Int32Array, columns: number): Int32Array {
  const table = new Int32Array(rows * columns);
  for (let i = 0; i < a.length; i++) if (a[i] >= 0 && b[i] >= 0) table[a[i] * columns + b[i]]++;
  return table;
}
