import { piecesBelow, type Piece } from "./pieces.ts";
import type { Hierarchy } from "./tree.ts";

const LEVELS = 4; // of tiles within tiles
const ENOUGH = 6; // tiles in one, where nodes have fewer children
const SLIVER = 0.01; // of the leaves of a tile: less does not count as one of enough
const MOST = 0.6; // of the leaves of a tile in one tile of it
const LEAST_AREA = 16; // px², of a tile
const LEAST_NESTED = 2400; // px², of a tile that holds others
const LEAST_HEADED = { width: 44, height: 40 };
/** px, of the band for the name of a tile that holds others. */
export const HEADER = 17;
const PAD = 2;

/** A node as a rectangle in that of another, or (rest) what is too small in it to be drawn. */
export interface Tile {
  node: number;
  /** Place in the list of the tile around it, −1 for the first. */
  around: number;
  level: number;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Height of its own band above the tiles in it; 0: none, or no tiles. */
  header: number;
  /** Whether there are tiles in it. */
  nested: boolean;
  skipped: number;
  rest: boolean;
  /** Leaves under it. */
  size: number;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Rectangles of the nodes under one, their areas in each as their leaves; nested to a few levels. */
export function treemap(tree: Hierarchy, root: number, width: number, height: number): Tile[] {
  const tile = (node: number, around: number, level: number, place: Rectangle, size: number, piece?: Piece): Tile => ({
    node, around, level, ...place, header: 0, nested: false, skipped: piece?.skipped ?? 0, rest: around >= 0 && piece === undefined, size,
  });
  const tiles = [tile(root, -1, 0, { x: 0, y: 0, width, height }, tree.size[root])];
  for (let at = 0; at < tiles.length; at++) {
    const own = tiles[at];
    if (own.rest || own.level === LEVELS || tree.isLeaf(own.node) || own.width * own.height < LEAST_NESTED) continue;
    const headed = own.width >= LEAST_HEADED.width && own.height >= LEAST_HEADED.height;
    const header = headed ? HEADER + (at === 0 ? PAD + PAD : 0) : 0;
    const inner = { x: own.x + PAD, y: own.y + Math.max(header, PAD), width: own.width - 2 * PAD, height: own.height - PAD - Math.max(header, PAD) };
    if (inner.width < PAD || inner.height < PAD) continue;
    const least = (LEAST_AREA * tree.size[own.node]) / (inner.width * inner.height);
    const pieces = enough(tree, own.node, least);
    if (pieces.length === 0 && at > 0) continue;
    pieces.sort((a, b) => tree.size[b.node] - tree.size[a.node] || tree.start[a.node] - tree.start[b.node]);
    const sizes = pieces.map(({ node }) => tree.size[node]);
    const left = tree.size[own.node] - sizes.reduce((sum, size) => sum + size, 0);
    if (left > 0) sizes.push(left);
    own.header = header;
    own.nested = true;
    squarify(sizes, inner).forEach((place, i) => {
      const piece = pieces.at(i);
      tiles.push(tile(piece?.node ?? own.node, at, own.level + 1, place, sizes[i], piece));
    });
  }
  return tiles;
}

/** Rectangles with areas as the sizes, in their order (best from large to small), as near to squares as rows allow. */
export function squarify(sizes: readonly number[], within: Rectangle): Rectangle[] {
  const placed: Rectangle[] = [];
  let { x, y, width, height } = within;
  let total = sizes.reduce((sum, size) => sum + size, 0);
  for (let from = 0; from < sizes.length; ) {
    const side = Math.min(width, height);
    const scale = total > 0 ? (width * height) / total : 0;
    let [sum, to, worst] = [0, from, Infinity];
    let [smallest, largest] = [Infinity, 0];
    while (to < sizes.length) {
      smallest = Math.min(smallest, sizes[to]);
      largest = Math.max(largest, sizes[to]);
      const thick = ((sum + sizes[to]) * scale) / side;
      const ratio = Math.max((largest * scale) / thick ** 2, thick ** 2 / (smallest * scale));
      if (ratio > worst) break;
      [sum, worst] = [sum + sizes[to], ratio];
      to++;
    }
    if (to === from) to = sizes.length; // no room at all: the rest shares it
    const thick = side > 0 && sum > 0 ? (sum * scale) / side : 0;
    let along = 0;
    for (let i = from; i < to; i++) {
      const length = sum > 0 ? (side * sizes[i]) / sum : 0;
      placed.push(
        width >= height
          ? { x, y: y + along, width: thick, height: length }
          : { x: x + along, y, width: length, height: thick },
      );
      along += length;
    }
    if (width >= height) [x, width] = [x + thick, Math.max(0, width - thick)];
    else [y, height] = [y + thick, Math.max(0, height - thick)];
    total -= sum;
    from = to;
  }
  return placed;
}

/**
 * What to show in a node, of nodes of at least so many leaves: its children, or where these are few or one holds
 * nearly all, nodes of further levels.
 */
function enough(tree: Hierarchy, node: number, least: number): Piece[] {
  const below = (of: number, before: number): Piece[] => {
    const pieces: Piece[] = [];
    piecesBelow(tree, of, 1 - MOST, (piece, skipped) => {
      if (tree.size[piece] >= least) pieces.push({ node: piece, skipped: before + skipped });
    });
    return pieces;
  };
  const sliver = SLIVER * tree.size[node];
  const counts = (pieces: readonly Piece[]): number => pieces.reduce((sum, piece) => sum + Number(tree.size[piece.node] >= sliver), 0);
  const pieces = below(node, 0);
  const kept: Piece[] = [];
  let seen = counts(pieces);
  while (seen < ENOUGH && pieces.length > 0) {
    let largest = 0;
    for (let i = 1; i < pieces.length; i++) if (tree.size[pieces[i].node] > tree.size[pieces[largest].node]) largest = i;
    const [piece] = pieces.splice(largest, 1);
    if (tree.size[piece.node] < Math.max(2, sliver)) {
      pieces.push(piece);
      break;
    }
    const inner = below(piece.node, piece.skipped + 1);
    const more = counts(inner);
    if (more < 2) kept.push(piece);
    else {
      for (const own of inner) pieces.push(own);
      seen += more - 1;
    }
  }
  return [...kept, ...pieces];
}

