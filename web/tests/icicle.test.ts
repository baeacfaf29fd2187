import { expect, test } from "vitest";
import { Cuts } from "../src/core/cut.ts";
import { icicle, type Icicle } from "../src/core/icicle.ts";
import { splitBy } from "../src/core/order.ts";
import { step } from "../src/core/steps.ts";
import type { Hierarchy } from "../src/core/tree.ts";
import { caterpillar, complete, randomTree, star, treeOf } from "./trees.ts";

/** Cells lie within the one above, touch no neighbour of their row, and hold the leaves of their node. */
function expectWhole(tree: Hierarchy, root: number, drawn: Icicle): void {
  const ends = new Array<number>(drawn.rows).fill(0);
  for (const cell of drawn.cells) {
    expect(cell.first).toBeGreaterThanOrEqual(ends[cell.row]);
    ends[cell.row] = cell.first + cell.size;
    if (cell.above < 0) continue;
    const above = drawn.cells[cell.above];
    expect(cell.row).toBe(above.row + 1);
    expect(above.rest).toBe(false);
    expect(cell.first).toBeGreaterThanOrEqual(above.first);
    expect(cell.first + cell.size).toBeLessThanOrEqual(above.first + above.size);
    expect(tree.holds(root, cell.node)).toBe(true);
    if (cell.rest) expect(cell.node).toBe(above.node);
    else {
      expect(cell.size).toBe(tree.size[cell.node]);
      let between = 0;
      for (let v = tree.parent[cell.node]; v !== above.node; v = tree.parent[v]) between++;
      expect(cell.skipped).toBe(between);
    }
  }
}

test("a small tree has all its nodes, each in the row of its depth", () => {
  const tree = complete(3, 4);
  const drawn = icicle(tree, tree.root, 0.5, 20);
  expect(drawn.share).toBe(0);
  expect(drawn.rows).toBe(5);
  expect(drawn.cells.map(({ node }) => node).sort((a, b) => a - b)).toEqual(Array.from({ length: tree.m }, (_, v) => v));
  for (const { node, row } of drawn.cells) expect(row).toBe(tree.depth[node]);
  expectWhole(tree, tree.root, drawn);
});

test.each([1, 2, 3, 4])("random trees lie whole, from any node (seed %i)", (seed) => {
  const tree = randomTree(300, seed);
  for (const root of [tree.root, tree.m - 4, 299, 0]) {
    for (const [least, most] of [[1, 40], [7, 5], [50, 3], [1, 1]]) expectWhole(tree, root, icicle(tree, root, least, most));
  }
});

test("only what is wide enough is laid out, and rows in part tell of the rest", () => {
  const tree = complete(2, 16);
  const drawn = icicle(tree, tree.root, 1000, 40);
  expect(drawn.cells.length).toBe(2 ** 7 - 1); // 65,536 / 2^6 = 1,024
  // 10,000 narrow children are one cell, where their node is broad
  expect(icicle(star(10_000), 10_000, 20, 20).cells.map(({ size, rest }) => [size, rest])).toEqual([[10_000, false], [10_000, true]]);
  expect(icicle(star(10_000), 10_000, 2000, 20).cells.length).toBe(1);
  // one wide child and 98 narrow ones
  const broom = treeOf([...new Array<number>(100).fill(198), ...new Array<number>(98).fill(199), 199, -1], 198);
  const wide = icicle(broom, broom.root, 10, 5);
  expect(wide.cells.slice(1).map(({ size, rest }) => [size, rest])).toEqual([[100, false], [98, true]]);
});

test("a caterpillar of 50,000 levels fits by skipping levels that lose little", () => {
  const tree = caterpillar(50_000);
  const drawn = icicle(tree, tree.root, 100, 20); // squared work would not end in time
  expect(drawn.deeper).toBe(false);
  expect(drawn.share).toBeGreaterThan(0);
  expect(drawn.rows).toBeGreaterThan(8);
  const inner = drawn.cells.filter(({ rest }) => !rest);
  for (const { size, above, skipped } of inner.slice(1)) {
    expect(skipped).toBeGreaterThan(0);
    expect(size).toBeLessThan((1 - drawn.share) * drawn.cells[above].size);
  }
  expectWhole(tree, tree.root, drawn);
});

test("one leaf and two", () => {
  const one = treeOf([-1], 1);
  expect(icicle(one, 0, 0.1, 9)).toEqual({
    cells: [{ node: 0, above: -1, row: 0, first: 0, size: 1, skipped: 0, rest: false }], rows: 1, share: 0, deeper: false,
  });
  expect(icicle(star(2), 2, 0.1, 9).cells.map(({ node }) => node)).toEqual([2, 0, 1]);
});

test.each([5, 6, 7])("the nodes that a cut splits are those above its clusters (seed %i)", (seed) => {
  const tree = randomTree(120, seed);
  const cuts = new Cuts(tree);
  for (const k of [1, 2, 3, 10, 57, 120]) {
    const above = new Set<number>();
    for (const node of cuts.nodes(k)) for (const v of tree.path(node).slice(0, -1)) above.add(v);
    const split = splitBy(cuts, k);
    for (let v = 0; v < tree.m; v++) expect(split(v)).toBe(above.has(v));
  }
});

test("arrows lead to parent, first child and siblings, and stay where there is none", () => {
  const tree = treeOf([4, 4, 5, 5, 5, -1], 4);
  expect(step(tree, 5, "ArrowDown")).toBe(4);
  expect(step(tree, 4, "ArrowRight")).toBe(2);
  expect(step(tree, 3, "ArrowRight")).toBe(3);
  expect(step(tree, 4, "ArrowLeft")).toBe(4);
  expect(step(tree, 1, "ArrowUp")).toBe(4);
  expect(step(tree, 5, "ArrowUp")).toBe(5);
  expect(step(tree, 5, "ArrowLeft")).toBe(5);
  expect(step(tree, 0, "ArrowDown")).toBe(0);
});
