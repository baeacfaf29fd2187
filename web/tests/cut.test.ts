import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Cuts } from "../src/core/cut.ts";
import { Hierarchy } from "../src/core/tree.ts";

interface Golden {
  title: string;
  n: number;
  parent: number[];
  height: number[];
  splits: number[] | null;
  cuts: { k: number; nodes: number[]; labels: number[] }[];
  heights: { height: number; labels: number[] }[];
}

const cases = JSON.parse(readFileSync(new URL("golden/cuts.json", import.meta.url), "utf8")) as Golden[];
const treeOf = ({ n, parent, height, splits }: Golden): Hierarchy =>
  new Hierarchy(Int32Array.from(parent), Float64Array.from(height), n, splits && Int32Array.from(splits));

describe.each(cases)("cuts of $title", (golden) => {
  const tree = treeOf(golden);
  const cuts = new Cuts(tree);

  test("by count, as Tree.cut", () => {
    for (const { k, nodes, labels } of golden.cuts) {
      expect([...cuts.nodes(k)], `k ${k}`).toEqual(nodes);
      expect(cuts.reached(k)).toBe(nodes.length);
      expect([...labelsOf(tree, cuts.nodes(k))]).toEqual(labels);
    }
  });

  test("by height, as Tree.cut_height", () => {
    for (const { height, labels } of golden.heights) {
      expect([...labelsOf(tree, cuts.nodesAtHeight(height))], `height ${height}`).toEqual(labels);
      expect(cuts.counts[cuts.above(height)]).toBe(Math.max(...labels) + 1);
    }
  });
});

/** Labels (n) of the leaves by disjoint nodes in depth-first order that cover them. */
function labelsOf(tree: Hierarchy, nodes: Int32Array): Int32Array {
  const labels = new Int32Array(tree.n).fill(-1);
  nodes.forEach((node, label) => {
    for (const leaf of tree.leaves(node)) labels[leaf] = label;
  });
  return labels;
}
