import type { Hierarchy } from "./tree.ts";

/** The node that an arrow key leads to from another: up to the parent, down to the first child, to siblings. */
export function step(tree: Hierarchy, node: number, key: string): number {
  const parent = tree.parent[node];
  if (key === "ArrowUp") return parent < 0 ? node : parent;
  if (key === "ArrowDown") return tree.isLeaf(node) ? node : tree.children(node)[0];
  if (parent < 0) return node;
  const siblings = tree.children(parent);
  const at = siblings.indexOf(node);
  if (key === "ArrowLeft") return siblings[Math.max(at - 1, 0)];
  if (key === "ArrowRight") return siblings[Math.min(at + 1, siblings.length - 1)];
  return node;
}
