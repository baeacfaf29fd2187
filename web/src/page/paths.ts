import type { Shown } from "./shown.ts";

const FARTHEST = 2000; // levels to look up for names
const MOST = 20; // names in a whole path

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
  // The nearest named node at or above each; parents come after their children.
  const nearest = new Int32Array(tree.m).fill(-1);
  for (let v = tree.m - 1; v >= tree.n; v--) {
    nearest[v] = shown.name(v) !== "" ? v : v === tree.root ? -1 : nearest[tree.parent[v]];
  }
  const above = (node: number): number => (node === tree.root ? -1 : nearest[tree.parent[node]]);
  const known = new Map<number, string>();
  const pathOf = (node: number): string => {
    let path = known.get(node);
    if (path === undefined) {
      const names: string[] = [];
      for (let v = node; v >= 0; v = above(v)) names.push(shown.name(v));
      names.reverse();
      if (names.length > MOST) names.splice(MOST / 2, names.length - MOST, "…");
      path = names.join(separator);
      known.set(node, path);
    }
    return path;
  };
  return (leaf) => (above(leaf) < 0 ? "" : pathOf(above(leaf)));
}
