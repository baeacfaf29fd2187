import type { Cuts } from "./cut.ts";
import type { Hierarchy } from "./tree.ts";

const known = new WeakMap<Hierarchy, Int32Array>();

/** Place in `tree.splits` of each inner node n..m-1: the one with the highest is split first. */
export function ranks(tree: Hierarchy): Int32Array {
  let rank = known.get(tree);
  if (rank === undefined) {
    rank = new Int32Array(tree.splits.length);
    for (let at = 0; at < rank.length; at++) rank[tree.splits[at] - tree.n] = at;
    known.set(tree, rank);
  }
  return rank;
}

/** Tells of a node whether the cut into (at most) k clusters splits it. */
export function splitBy(cuts: Cuts, k: number): (node: number) => boolean {
  const { tree, counts } = cuts;
  const reached = cuts.reached(k);
  let [low, high] = [0, counts.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (counts[middle] < reached) low = middle + 1;
    else high = middle;
  }
  const rank = ranks(tree);
  const first = rank.length - low;
  return (node) => node >= tree.n && rank[node - tree.n] >= first;
}
