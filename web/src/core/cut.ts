import type { Hierarchy } from "./tree.ts";

/** Flat clusterings of a tree by splitting the highest nodes first, as `Tree.cut_nodes` and `Tree.cut`. */
export class Cuts {
  /** counts[i]: number of clusters after i splits, (m-n+1), ascending. */
  readonly counts: Int32Array;

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

  /** Cluster nodes in depth-first order, at most k of them. */
  nodes(k: number): Int32Array {
    const { tree } = this;
    const target = this.reached(k);
    // As few splits as give the count: a node with one child changes nothing.
    let splitsDone = this.#last(k);
    while (splitsDone > 0 && this.counts[splitsDone - 1] === target) splitsDone--;
    const split = new Uint8Array(tree.m);
    for (let i = 0; i < splitsDone; i++) split[tree.splits[tree.splits.length - 1 - i]] = 1;
    return below(tree, split);
  }

  /** The clusters when every node above the height is split, in depth-first order. */
  nodesAtHeight(height: number): Int32Array {
    const { tree } = this;
    const split = new Uint8Array(tree.m);
    for (let v = tree.n; v < tree.m; v++) if (tree.height[v] > height) split[v] = 1;
    return below(tree, split);
  }

  /** Height below which k clusters begin: of the highest node that is not split. */
  heightOf(k: number): number {
    const { splits, height } = this.tree;
    const done = this.#last(k);
    return done < splits.length ? height[splits[splits.length - 1 - done]] : 0;
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

/** Labels (n) of the leaves by disjoint nodes in depth-first order that cover them. */
export function labelsOf(tree: Hierarchy, nodes: Int32Array): Int32Array {
  const labels = new Int32Array(tree.n).fill(-1);
  nodes.forEach((node, label) => {
    for (const leaf of tree.leaves(node)) labels[leaf] = label;
  });
  return labels;
}

function below(tree: Hierarchy, split: Uint8Array): Int32Array {
  const found: number[] = [];
  for (let v = 0; v < tree.m; v++) {
    if (!split[v] && (v === tree.root || split[tree.parent[v]])) found.push(v);
  }
  // A node with one child shares its leaves' start with it, but only one of the two is in a cut.
  return Int32Array.from(found).sort((a, b) => tree.start[a] - tree.start[b]);
}
