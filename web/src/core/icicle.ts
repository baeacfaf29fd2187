import { piecesBelow } from "./pieces.ts";
import type { Hierarchy } from "./tree.ts";

/** Shares of its leaves that a node must lose to be worth a row of its own; the first that fits is taken. */
const SHARES = [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4] as const;

/** A cell so many times as wide as the least tells that there is more below it, even if nothing of that is drawn. */
const BROAD = 20;

/** A node in a row, or (rest) the leaves under one whose own nodes are too narrow to be drawn. */
export interface Cell {
  node: number;
  /** Place in the list of the cell above, −1 for the first. */
  above: number;
  row: number;
  /** Leaves from the left edge to the cell, and under it. */
  first: number;
  size: number;
  /** Nodes between it and the cell above that have no row. */
  skipped: number;
  rest: boolean;
}

export interface Icicle {
  cells: Cell[];
  /** Rows in use. */
  rows: number;
  /** Nodes that lost no more than this share of their leaves have no row. */
  share: number;
  /** Whether rows below are left out. */
  deeper: boolean;
}

/**
 * Rows of the nodes under one, each as wide as its share of the leaves: only cells of at least `least` leaves, in
 * at most `most` rows. Where all levels need more rows, levels that lose little are skipped.
 */
export function icicle(tree: Hierarchy, root: number, least: number, most: number): Icicle {
  let found = rowsOf(tree, root, least, most, SHARES[0]);
  for (let at = 1; found.deeper && at < SHARES.length; at++) found = rowsOf(tree, root, least, most, SHARES[at]);
  return found;
}

function rowsOf(tree: Hierarchy, root: number, least: number, most: number, share: number): Icicle {
  const cells: Cell[] = [{ node: root, above: -1, row: 0, first: 0, size: tree.size[root], skipped: 0, rest: false }];
  const left = tree.start[root];
  let rows = 1;
  for (let at = 0; at < cells.length; at++) {
    const { node, row, first, size, rest } = cells[at];
    if (rest || tree.isLeaf(node)) continue;
    if (row + 1 === most) return { cells, rows, share, deeper: true };
    const wide: Cell[] = [];
    piecesBelow(tree, node, share, (piece, skipped) => {
      if (tree.size[piece] < least) return;
      wide.push({ node: piece, above: at, row: row + 1, first: tree.start[piece] - left, size: tree.size[piece], skipped, rest: false });
    });
    wide.sort((a, b) => a.first - b.first);
    let from = first;
    const fill = (to: number): void => {
      if (to - from >= least) cells.push({ node, above: at, row: row + 1, first: from, size: to - from, skipped: 0, rest: true });
    };
    for (const cell of wide) {
      fill(cell.first);
      cells.push(cell);
      from = cell.first + cell.size;
    }
    if (wide.length > 0 || size >= BROAD * least) {
      fill(first + size);
      rows = row + 2;
    }
  }
  return { cells, rows, share, deeper: false };
}
