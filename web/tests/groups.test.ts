import { expect, test } from "vitest";
import { Cuts } from "../src/core/cut.ts";
import { groupsBelow, meanRows, PartRuns, similarities } from "../src/core/groups.ts";
import { caterpillar, generator, randomTree, star, treeOf } from "./trees.ts";

test.each([1, 2, 3])("groups of the whole tree are its cuts (seed %i)", (seed) => {
  const tree = randomTree(150, seed);
  const cuts = new Cuts(tree);
  for (const k of [1, 2, 3, 4, 9, 40, 150, 999]) expect([...groupsBelow(tree, tree.root, k)]).toEqual([...cuts.nodes(k)]);
});

test("nodes with one child are not split for nothing, as in a cut", () => {
  const tree = treeOf([3, 3, 5, 4, 5, -1], 3); // 4 has the one child 3
  const cuts = new Cuts(tree);
  for (const k of [1, 2, 3]) expect([...groupsBelow(tree, tree.root, k)]).toEqual([...cuts.nodes(k)]);
});

test("groups of a subtree cover its leaves once", () => {
  const tree = randomTree(400, 8);
  const node = tree.m - 5;
  const groups = groupsBelow(tree, node, 20);
  expect(groups.length).toBeLessThanOrEqual(20);
  expect([...groups].flatMap((group) => [...tree.leaves(group)])).toEqual([...tree.leaves(node)]);
});

test("what is not to be split stays whole while others are split", () => {
  const tree = treeOf([4, 4, 5, 5, 6, 6, -1], 4);
  expect([...groupsBelow(tree, 6, 4, (v) => v === 5)]).toEqual([0, 1, 5]);
  expect([...groupsBelow(star(10_000), 10_000, 200)]).toEqual([10_000]);
  expect(groupsBelow(caterpillar(5000), 9998, 200).length).toBe(200);
  expect([...groupsBelow(treeOf([-1], 1), 0, 200)]).toEqual([0]);
});

test("similarities are the means over all pairs of members", () => {
  const tree = randomTree(90, 4);
  const random = generator(5);
  const dim = 3;
  const rows = Array.from({ length: 90 }, () => Array.from({ length: dim }, () => random() - 0.5));
  // parts: a cut, with the mean row of each
  const parts = groupsBelow(tree, tree.root, 25);
  const partRows = new Float32Array(parts.length * dim);
  const partOf = new Int32Array(90);
  parts.forEach((part, p) => {
    for (const leaf of tree.leaves(part)) {
      partOf[leaf] = p;
      for (let j = 0; j < dim; j++) partRows[p * dim + j] += rows[leaf][j] / tree.size[part];
    }
  });
  const runs = new PartRuns(tree, (leaf) => partOf[leaf], parts.length);
  const groups = groupsBelow(tree, tree.root, 9);
  const matrix = similarities(meanRows(runs, groups, partRows, dim), dim);
  groups.forEach((a, i) =>
    groups.forEach((b, j) => {
      let sum = 0;
      for (const x of tree.leaves(a)) for (const y of tree.leaves(b)) sum += rows[x].reduce((dot, value, d) => dot + value * rows[y][d], 0);
      expect(matrix[i * groups.length + j]).toBeCloseTo(sum / tree.size[a] / tree.size[b], 6);
    }),
  );
  parts.forEach((part) => expect(runs.one(part)).toBe(true));
  expect(runs.one(tree.root)).toBe(false);
});

test("leaves count where edits have put them, those of no part not at all", () => {
  // leaves 0 1 | 2 3 were parts 0 and 1; leaf 1 now lies with 2 and 3
  const tree = treeOf([5, 4, 4, 4, 5, -1], 4);
  const runs = new PartRuns(tree, (leaf) => [0, 0, 1, 1][leaf], 2);
  expect([...runs.tally(4)].sort()).toEqual([[0, 1], [1, 2]]);
  const rows = Float32Array.from([1, 0, 0, 1]);
  expect([...meanRows(runs, Int32Array.from([0, 4]), rows, 2)]).toEqual([1, 0, 1 / 3, 2 / 3]);
  const without = new PartRuns(tree, (leaf) => [-1, 0, 1, 1][leaf], 2);
  expect([...meanRows(without, Int32Array.from([0]), rows, 2)]).toEqual([NaN, NaN]);
  expect([...without.tally(5)].sort()).toEqual([[0, 1], [1, 2]]);
});
