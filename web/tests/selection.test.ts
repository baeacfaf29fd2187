import { expect, test } from "vitest";
import { Hierarchy } from "../src/core/tree.ts";
import type { PageData, TreeData } from "../src/page/data.ts";
import { selectedLeaves, selectionCsv } from "../src/page/selection.ts";
import { Shown } from "../src/page/shown.ts";

const texts = (strings: string[]): unknown => ({
  at: (i: number) => strings[i],
  load: (i: number) => Promise.resolve(strings[i]),
});
const tree = new Hierarchy(Int32Array.of(4, 5, 4, 5, 6, 6, -1), new Float64Array(7), 4);
const page = {
  ids: texts(["a", "=b", "c", "d"]),
  names: texts(["ant", "bee, small", "cat", ""]),
  columns: [
    { title: "kind", kind: "category", values: ["x", "-y"], codes: Int32Array.of(0, 1, -1, 0) },
    { title: "size", kind: "number", codes: Float32Array.of(-1.5, NaN, 2, 3) },
  ],
} as unknown as PageData;
const data = {
  head: { branches: [], layers: [] },
  tree,
  name: (node: number) => (node === 6 ? "all" : ""),
} as unknown as TreeData;
const shown = new Shown(page, data, { tree, leaves: null, origin: null, names: new Map() });

test("leaves under the selected and the chosen nodes, each once, in the order of the tree", () => {
  expect([...selectedLeaves(shown, { selected: 4, chosen: [] })]).toEqual([0, 2]);
  expect([...selectedLeaves(shown, { selected: 2, chosen: [4, 3, 3] })]).toEqual([0, 2, 3]);
  expect([...selectedLeaves(shown, { selected: 0, chosen: [6, 5] })]).toEqual([0, 2, 1, 3]);
});

test("the selection as CSV has all that is known of a leaf, guarded", async () => {
  let text = "";
  for await (const piece of selectionCsv(shown, tree.leaves(6))) text += piece;
  expect(text.split("\r\n")).toEqual([
    "id,name,path,kind,size",
    "a,ant,all,x,-1.5",
    "c,cat,all,,2",
    `'=b,"bee, small",all,'-y,`,
    "d,,all,x,3",
    "",
  ]);
});
