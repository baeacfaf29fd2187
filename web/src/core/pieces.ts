import type { Hierarchy } from "./tree.ts";

/** A node shown under another that is at least its parent. */
export interface Piece {
  node: number;
  /** Nodes between the two. */
  skipped: number;
}

/**
 * What to show under a node: its children, but in place of a child that keeps all but a share of the leaves, that
 * child's own, and so on. So a chain that loses leaf after leaf is one step for each such share.
 */
export function piecesBelow(tree: Hierarchy, node: number, share: number, see: (node: number, skipped: number) => void): void {
  const { size, childPointer, childIndex } = tree;
  const kept = (1 - share) * size[node];
  let above = node;
  for (let skipped = 0; above >= 0; skipped++) {
    let heavy = -1;
    const end = childPointer[above + 1];
    for (let at = childPointer[above]; at < end; at++) {
      const child = childIndex[at];
      // Only one child can keep so much, as at least half is kept.
      if (heavy < 0 && child >= tree.n && size[child] >= kept) heavy = child;
      else see(child, skipped);
    }
    above = heavy;
  }
}
