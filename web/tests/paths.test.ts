import { expect, test } from "vitest";
import { Hierarchy } from "../src/core/tree.ts";
import type { PageData, TreeData } from "../src/page/data.ts";
import { namedPaths, namesAbove } from "../src/page/paths.ts";
import { Shown } from "../src/page/shown.ts";

function shownOf(parent: number[], n: number, names: Record<number, string>): Shown {
  const tree = new Hierarchy(Int32Array.from(parent), new Float64Array(parent.length), n);
  const data = {
    head: { branches: [], layers: [] },
    tree,
    name: (node: number) => names[node] ?? "",
  } as unknown as TreeData;
  const page = { columns: [], ids: null, names: null } as unknown as PageData;
  return new Shown(page, data, { tree, leaves: null, origin: null, names: new Map() });
}

test("paths go from the root down, over nodes without a name", () => {
  const shown = shownOf([4, 4, 5, 6, 5, 6, -1], 4, { 4: "cats", 6: "all" });
  const path = namedPaths(shown);
  expect([0, 1, 2, 3].map(path)).toEqual(["all > cats", "all > cats", "all", "all"]);
  expect(namesAbove(shown, 4, 3)).toEqual(["all"]);
  expect(namesAbove(shown, 6, 3)).toEqual([]);
});

test("a leaf alone has no path", () => expect(namedPaths(shownOf([-1], 1, {}))(0)).toBe(""));

test("long paths keep their ends, in no more time than they take", () => {
  const n = 50_000;
  const parent = Array.from({ length: 2 * n - 1 }, (_, v) =>
    v < 2 ? n : v < n ? n + v - 1 : v < 2 * n - 2 ? v + 1 : -1,
  );
  const names = Object.fromEntries(Array.from({ length: n - 1 }, (_, i) => [n + i, `c${i + 2}`]));
  const path = namedPaths(shownOf(parent, n, names));
  const parts = path(0).split(" > ");
  expect(parts).toHaveLength(21);
  expect([parts[0], parts[9], parts[10], parts[11], parts[20]]).toEqual([
    "c50000",
    "c49991",
    "…",
    "c11",
    "c2",
  ]);
  expect(path(n - 1)).toBe("c50000");
  let length = 0;
  for (let leaf = 0; leaf < n; leaf++) length += path(leaf).length;
  expect(length).toBeLessThan(200 * n);
});
