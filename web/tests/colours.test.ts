import { expect, test } from "vitest";
import { Hierarchy } from "../src/core/tree.ts";
import { Colours, PALETTE } from "../src/page/colours.ts";
import type { Column, PageData, TreeData } from "../src/page/data.ts";
import { Shown } from "../src/page/shown.ts";

/** A binary tree of 2^levels leaves, node by node from the left. */
function shownOf(levels: number, columns: Column[]): Shown {
  const n = 2 ** levels;
  const m = 2 * n - 1;
  const parent = Int32Array.from({ length: m }, (_, v) => (v === m - 1 ? -1 : n + (v >> 1)));
  const height = Float64Array.from({ length: m }, (_, v) => Math.max(0, v - n + 1));
  const tree = new Hierarchy(parent, height, n);
  const page = { columns, ids: null, names: null } as unknown as PageData;
  const data = {
    head: { branches: [m - 3, m - 2], layers: [] },
    tree,
    name: () => "",
  } as unknown as TreeData;
  return new Shown(page, data, { tree, leaves: null, origin: null, names: new Map() });
}

test("branches and clusters colour what is under them, not what is above", () => {
  const shown = shownOf(3, []);
  const branch = new Colours(shown, "branch", 1);
  expect([14, 13, 12, 0, 7].map((node) => branch.of(node))).toEqual([0, 2, 1, 1, 2]);
  const layer = new Colours(shown, "layer", 4);
  expect([14, 13, 8, 9, 10, 11, 0, 7].map((node) => layer.of(node))).toEqual([0, 0, 1, 2, 3, 4, 1, 4]);
  expect(layer.categories).toBe(4);
});

test("agreement with another tree is from 0 to 1, and not of leaves or after edits", () => {
  const shown = shownOf(2, []);
  const match = (node: number): number | null => [null, null, null, null, 0, 0.5, 1][node] ?? null;
  Object.assign(shown.data, { match });
  const colours = new Colours(shown, "agreement", 1);
  expect([4, 5, 6, 0].map((node) => colours.of(node))).toEqual([1, 4, 6, 0]);
  expect([colours.scaled, colours.categories, colours.legend()[1].title]).toEqual([true, 0, "0.2"]);
  const { tree, leaves, names } = shown.revision;
  const edited = new Shown(shown.page, shown.data, { tree, leaves, origin: Int32Array.from(tree.parent.keys()), names });
  expect(new Colours(edited, "agreement", 1).of(6)).toBe(0);
});

test("clusters smaller than the least are of no colour", () => {
  const shown = shownOf(3, []);
  const layer = new Colours(shown, "layer", 3, 3);
  expect(Array.from(shown.cuts.nodes(3))).toEqual([12, 10, 11]);
  expect([12, 10, 11, 0].map((node) => layer.of(node))).toEqual([1, 0, 0, 1]);
  expect(layer.is(shown, "layer", 3, 2)).toBe(false);
  expect(new Colours(shown, "branch", 3, 3).is(shown, "branch", 5, 1)).toBe(true);
});

test("numbers colour by the mean of what is known", () => {
  const codes = Float32Array.of(0, NaN, NaN, NaN, 10, 10, 5, 5);
  const colours = new Colours(shownOf(3, [{ title: "size", kind: "number", codes }]), "size", 1);
  expect([0, 8, 9, 10, 11].map((node) => colours.of(node))).toEqual([1, 1, 0, 6, 4]);
  expect(colours.legend().map(({ title }) => Number(title))).toEqual([0, 2, 4, 6, 8, 10]);
});

test("more categories than colours repeat, and are counted", () => {
  const values = Array.from({ length: 30 }, (_, i) => `v${i}`);
  const colours = new Colours(
    shownOf(3, [
      { title: "label", kind: "category", values, codes: Int32Array.of(0, 0, 12, 12, 1, 2, 3, -1) },
    ]),
    "label",
    1,
  );
  expect([8, 9, 2, 12, 7].map((node) => colours.of(node))).toEqual([1, 1, 1, 0, 0]);
  expect([colours.legend().length, colours.categories]).toEqual([PALETTE.length, 30]);
});

test("a million leaves are coloured at once", () => {
  const codes = Float32Array.from({ length: 2 ** 20 }, (_, i) => i % 100);
  const shown = shownOf(20, [{ title: "size", kind: "number", codes }]);
  for (const by of ["branch", "layer", "size"]) {
    new Colours(shown, by, 1000);
    new Colours(shown, by, 1001);
  }
});
