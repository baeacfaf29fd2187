import { Hierarchy } from "../src/core/tree.ts";

/** A tree by its parents, with heights by the number of levels below a node. */
export function treeOf(parent: readonly number[], n: number): Hierarchy {
  const height = new Float64Array(parent.length);
  parent.forEach((above, node) => {
    if (above >= 0) height[above] = Math.max(height[above], height[node] + 1);
  });
  // Higher nodes are split first; of equals the one with the greater id.
  const splits = Int32Array.from({ length: parent.length - n }, (_, i) => n + i).sort((a, b) => height[a] - height[b] || a - b);
  return new Hierarchy(Int32Array.from(parent), height, n, splits);
}

/** n leaves under one node. */
export function star(n: number): Hierarchy {
  return treeOf([...new Array<number>(n).fill(n), -1], n);
}

/** Each inner node joins one leaf to the one before. */
export function caterpillar(n: number): Hierarchy {
  const parent = Array.from({ length: 2 * n - 1 }, (_, node) => (node === 0 ? n : node < n ? n + node - 1 : node + 1));
  parent[2 * n - 2] = -1;
  return treeOf(parent, n);
}

/** A complete tree whose nodes have `arity` children. */
export function complete(arity: number, levels: number): Hierarchy {
  const n = arity ** levels;
  const parent: number[] = [];
  for (let first = 0, width = n; width > 1; first += width, width /= arity) {
    for (let i = 0; i < width; i++) parent.push(first + width + Math.floor(i / arity));
  }
  return treeOf([...parent, -1], n);
}

/** Two or three nodes joined at random until one is left. */
export function randomTree(n: number, seed: number): Hierarchy {
  const random = generator(seed);
  const parent = new Map<number, number>();
  const alive = Array.from({ length: n }, (_, i) => i);
  let made = n;
  while (alive.length > 1) {
    const taken = Math.min(alive.length, 2 + Math.floor(2 * random()));
    for (let i = 0; i < taken; i++) parent.set(alive.splice(Math.floor(random() * alive.length), 1)[0], made);
    alive.push(made++);
  }
  return treeOf(Array.from({ length: made }, (_, node) => parent.get(node) ?? -1), n);
}

/** Random numbers in [0, 1) that a seed repeats (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
