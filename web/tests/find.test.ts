import { expect, test } from "vitest";
import { Hierarchy } from "../src/core/tree.ts";
import type { PageData, TreeData } from "../src/page/data.ts";
import { Finder, type Found } from "../src/page/find.ts";
import { Shown, type Revision } from "../src/page/shown.ts";

const tree = new Hierarchy(Int32Array.of(4, 4, 5, 5, 6, 6, -1), Float64Array.of(0, 0, 0, 0, 1, 1, 2), 4);
const texts = (strings: string[]): unknown => ({
  per: 2,
  blocks: 2,
  block: (b: number) => Promise.resolve(strings.slice(2 * b, 2 * b + 2)),
});
const told = new Map([
  [4, "cats"],
  [6, "animals, cats"],
]);
const data = {
  head: { branches: [], layers: [] },
  tree,
  name: (node: number) => told.get(node) ?? "",
  named: () => told,
} as unknown as TreeData;
const shownOf = (page: object, revision: Partial<Revision> = {}): Shown =>
  new Shown(page as PageData, data, { tree, leaves: null, origin: null, names: new Map(), ...revision });

async function found(shown: Shown, query: string): Promise<[number, number[]]> {
  let last: Found | null = null;
  await new Finder(shown).find(query, shown, new AbortController().signal, (own) => (last = own));
  const all = last as unknown as Found;
  return [all.count, all.best(10)];
}

const page = {
  columns: [],
  names: texts(["cat", "bobcat", "dog", "cat"]),
  ids: texts(["x1", "x2", "cat", "x4"]),
};

test("nodes and leaves by name and id, each once, the best first", async () => {
  expect(await found(shownOf(page), "cat")).toEqual([6, [0, 3, 2, 4, 6, 1]]);
  expect(await found(shownOf(page), "x4")).toEqual([1, [3]]);
  expect(await found(shownOf(page), "horse")).toEqual([0, []]);
});

test("leaves without ids are found by their number", async () => {
  const numbered = { ...page, ids: null, names: null };
  expect(await found(shownOf(numbered), "#2")).toEqual([1, [2]]);
  expect(await found(shownOf(numbered), " 3 ")).toEqual([1, [3]]);
  expect(await found(shownOf(numbered), "4")).toEqual([0, []]);
});

test("names that edits gave count, those that they took do not", async () => {
  const names = new Map([
    [5, "dogs and cats"],
    [4, ""],
    [0, "tiger"],
  ]);
  expect(await found(shownOf(page, { names }), "cat")).toEqual([5, [3, 2, 6, 5, 1]]);
  expect(await found(shownOf(page, { names }), "tiger")).toEqual([1, [0]]);
});

test("what edits have dropped is not found", async () => {
  const left = new Hierarchy(Int32Array.of(2, 2, -1), Float64Array.of(0, 0, 1), 2);
  const shown = shownOf(page, { tree: left, leaves: Int32Array.of(2, 3), origin: Int32Array.of(2, 3, 5) });
  expect(await found(shown, "cat")).toEqual([2, [1, 0]]);
});
