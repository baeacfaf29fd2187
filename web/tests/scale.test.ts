import { describe, expect, test } from "vitest";
import { Cuts } from "../src/core/cut.ts";
import { CutScale, type Measure } from "../src/core/scale.ts";
import { Hierarchy } from "../src/core/tree.ts";

const treeOf = (n: number, parent: number[], inner: number[]): Hierarchy =>
  new Hierarchy(Int32Array.from(parent), Float64Array.from([...new Array<number>(n).fill(0), ...inner]), n);
const caterpillar = (n: number): Hierarchy => {
  const parent = Array.from({ length: 2 * n - 1 }, (_, v) =>
    v < 2 ? n : v < n ? n + v - 1 : v < 2 * n - 2 ? v + 1 : -1,
  );
  return treeOf(
    n,
    parent,
    Array.from({ length: n - 1 }, (_, i) => i + 1),
  );
};
// Two nodes of three leaves below the root, of one height: counts 1, 2, 4, 6.
const threes = treeOf(6, [6, 6, 6, 7, 7, 7, 8, 8, -1], [1, 1, 3]);

test("places by count are logarithmic and come back", () => {
  const scale = new CutScale(new Cuts(caterpillar(1000)), "count");
  expect(scale.place(1)).toBe(0);
  expect(scale.place(1000)).toBe(1);
  expect(scale.place(10)).toBeCloseTo(1 / 3, 12);
  for (let k = 1; k <= 1000; k++) expect(scale.at(scale.place(k))).toBe(k);
});

test("places by height are linear", () => {
  const scale = new CutScale(new Cuts(caterpillar(101)), "height");
  expect(scale.at(0)).toBe(1);
  expect(scale.at(1)).toBe(101);
  expect(scale.at(0.5)).toBe(51); // the fifty nodes above height 50 are split
  for (let k = 1; k <= 101; k++) expect(scale.at(scale.place(k))).toBe(k);
});

describe.each<Measure>(["count", "height"])("steps by %s", (by) => {
  test("go to each count that the tree gives, there and back", () => {
    const scale = new CutScale(new Cuts(threes), by);
    const finer = by === "count" ? [1, 2, 4, 6] : [1, 2, 6]; // two nodes tie in height
    for (let i = 0; i + 1 < finer.length; i++) {
      expect(scale.next(finer[i], 1)).toBe(finer[i + 1]);
      expect(scale.next(finer[i + 1], -1)).toBe(finer[i]);
    }
    expect(scale.next(6, 1)).toBe(6);
    expect(scale.next(1, -1)).toBe(1);
  });
});

test("only counts that the tree gives are reached", () => {
  const scale = new CutScale(new Cuts(threes), "count");
  const reached = new Set(Array.from({ length: 101 }, (_, i) => scale.at(i / 100)));
  expect([...reached].sort()).toEqual([1, 2, 4, 6]);
});

test("one leaf and a tree without heights have a slider of one place by height", () => {
  const one = new Cuts(treeOf(1, [-1], []));
  for (const by of ["count", "height"] as const) {
    const scale = new CutScale(one, by);
    expect([scale.place(1), scale.at(0), scale.at(1), scale.next(1, 1), scale.next(1, -1)]).toEqual([
      0, 1, 1, 1, 1,
    ]);
  }
  const flat = new CutScale(new Cuts(treeOf(3, [3, 3, 3, -1], [0])), "height");
  expect([flat.at(0), flat.at(1), flat.next(1, 1)]).toEqual([1, 1, 1]);
});
