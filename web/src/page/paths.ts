import type { Shown } from "./shown.ts";

const FARTHEST = 2000; // levels to look up for names
const ENDS = 10; // names at each end of a whole path

/** Names of the nearest named nodes above a node, from the top down. */
export function namesAbove(shown: Shown, node: number, most: number): string[] {
  const names: string[] = [];
  const { parent } = shown.tree;
  for (let v = parent[node], far = 0; v >= 0 && names.length < most && far < FARTHEST; v = parent[v], far++) {
    const name = shown.name(v);
    if (name !== "") names.push(name);
  }
  return names.reverse();
}

/** Gives the path of a leaf by the names of the nodes above it; of long ones, the first and the last. */
export function namedPaths(shown: Shown, separator = " > "): (leaf: number) => string {
  const { tree } = shown;
  // Of each inner node, top down: the nearest named node at or above it, how many there are, and the tenth of them.
  const nearest = new Int32Array(tree.m + 1).fill(-1);
  const count = new Int32Array(tree.m + 1);
  const tenth = new Int32Array(tree.m + 1).fill(-1);
  const above = (node: number): number => (node === tree.root ? tree.m : tree.parent[node]);
  for (let v = tree.m - 1; v >= tree.n; v--) {
    const up = above(v);
    const named = shown.name(v) !== "";
    nearest[v] = named ? v : nearest[up];
    count[v] = count[up] + (named ? 1 : 0);
    tenth[v] = named && count[v] === ENDS ? v : tenth[up];
  }
  const namesTo = (node: number, most: number): string[] => {
    const names: string[] = [];
    for (let v = node; v >= 0 && names.length < most; v = nearest[above(v)]) names.push(shown.name(v));
    return names.reverse();
  };
  const known = new Map<number, string>();
  return (leaf) => {
    const node = nearest[above(leaf)];
    if (node < 0) return "";
    let path = known.get(node);
    if (path === undefined) {
      const long = count[node] > 2 * ENDS;
      const names = long
        ? [...namesTo(tenth[node], ENDS), "…", ...namesTo(node, ENDS)]
        : namesTo(node, Infinity);
      path = names.join(separator);
      known.set(node, path);
    }
    return path;
  };
}
