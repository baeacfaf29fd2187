import { expect, test } from "vitest";
import type { Hierarchy } from "../src/core/tree.ts";
import { squarify, treemap, type Rectangle, type Tile } from "../src/core/treemap.ts";
import { caterpillar, complete, generator, randomTree, star, treeOf } from "./trees.ts";

const area = ({ width, height }: Rectangle): number => width * height;
const overlap = (a: Rectangle, b: Rectangle): number =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));

/** Tiles lie in the tile around them and not on one another, with areas as their leaves, none of which is lost. */
function expectWhole(tree: Hierarchy, tiles: Tile[]): void {
  const inside = new Map<number, Tile[]>();
  for (const tile of tiles.slice(1)) inside.set(tile.around, [...(inside.get(tile.around) ?? []), tile]);
  for (const [at, own] of inside) {
    const around = tiles[at];
    const known = own.filter(({ rest }) => !rest);
    const lost = tree.size[around.node] - known.reduce((sum, { node }) => sum + tree.size[node], 0);
    const whole = own.reduce((sum, tile) => sum + area(tile), 0);
    for (const tile of own) {
      const leaves = tile.rest ? lost : tree.size[tile.node];
      expect(area(tile) / whole).toBeCloseTo(leaves / tree.size[around.node], 9);
      expect(tile.x).toBeGreaterThanOrEqual(around.x);
      expect(tile.y).toBeGreaterThanOrEqual(around.y + around.header);
      expect(tile.x + tile.width).toBeLessThanOrEqual(around.x + around.width + 1e-9);
      expect(tile.y + tile.height).toBeLessThanOrEqual(around.y + around.height + 1e-9);
      expect(tile.level).toBe(around.level + 1);
      expect(tree.holds(around.node, tile.node)).toBe(true);
    }
    for (let a = 0; a < own.length; a++) for (let b = 0; b < a; b++) expect(overlap(own[a], own[b])).toBeLessThan(1e-6);
    for (let a = 0; a < known.length; a++) {
      for (let b = 0; b < a; b++) expect(tree.holds(known[a].node, known[b].node) || tree.holds(known[b].node, known[a].node)).toBe(false);
    }
  }
}

test("areas are as sizes, fill the rectangle and do not overlap", () => {
  const random = generator(3);
  for (const count of [1, 2, 7, 60]) {
    const sizes = Array.from({ length: count }, () => 1 + 100 * random() ** 3).sort((a, b) => b - a);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const placed = squarify(sizes, { x: 5, y: -3, width: 300, height: 120 });
    placed.forEach((place, i) => expect(area(place)).toBeCloseTo((36000 * sizes[i]) / total, 6));
    for (let a = 0; a < count; a++) for (let b = 0; b < a; b++) expect(overlap(placed[a], placed[b])).toBeLessThan(1e-6);
  }
});

test("the example of Bruls, Huizing and van Wijk", () => {
  const placed = squarify([6, 6, 4, 3, 2, 2, 1], { x: 0, y: 0, width: 6, height: 4 });
  const rounded = placed.map(({ x, y, width, height }) => [x, y, width, height].map((value) => Math.round(100 * value) / 100));
  expect(rounded.slice(0, 4)).toEqual([[0, 0, 3, 2], [0, 2, 3, 2], [3, 0, 1.71, 2.33], [4.71, 0, 1.29, 2.33]]);
});

test.each([1, 2, 3])("random trees lie whole, from any node (seed %i)", (seed) => {
  const tree = randomTree(2000, seed);
  for (const root of [tree.root, tree.m - 4, 2000, 0]) expectWhole(tree, treemap(tree, root, 640, 400));
});

test("a complete tree shows its children where there are enough of them", () => {
  const tree = complete(7, 3);
  const tiles = treemap(tree, tree.root, 900, 700);
  const first = tiles.filter(({ level }) => level === 1).map(({ node }) => node);
  expect(first.sort((a, b) => a - b)).toEqual([...tree.children(tree.root)].sort((a, b) => a - b));
  expectWhole(tree, tiles);
});

test("10,000 children, 50,000 levels, one leaf, two, no room", () => {
  const wide = star(10_000);
  const tiles = treemap(wide, wide.root, 800, 600);
  expect(tiles.length).toBe(10_001); // 47 px² each
  expect(treemap(wide, wide.root, 300, 200).map(({ rest, size }) => [rest, size])).toEqual([[false, 10_000], [true, 10_000]]);
  const long = caterpillar(50_000);
  const deep = treemap(long, long.root, 800, 600); // squared work would not end in time
  expect(deep.length).toBeGreaterThan(4);
  expectWhole(long, deep);
  expect(treemap(treeOf([-1], 1), 0, 80, 60).length).toBe(1);
  expect(treemap(star(2), 2, 80, 60).map(({ node }) => node)).toEqual([2, 0, 1]);
  for (const { width, height } of treemap(star(2), 2, 0, 0)) expect(width + height).toBe(0);
});
