import { Media, TreeData, type Column, type PageData } from "../src/page/data.ts";
import type { Head, TreeHead } from "../src/page/head.ts";
import { Shown } from "../src/page/shown.ts";
import { Store } from "../src/page/store.ts";
import { Hierarchy } from "../src/core/tree.ts";
import { Blocks } from "../src/core/bytes.ts";

/** A store of a small tree without a document behind it: a leaf is called "#i". */
export function storeOf(parent: number[], n: number, columns: Column[] = []): Store {
  globalThis.requestAnimationFrame = (): number => 0;
  const m = parent.length;
  const tree = new Hierarchy(
    Int32Array.from(parent),
    Float64Array.from(parent, (_, v) => Math.max(0, v - n + 1)),
    n,
  );
  const block = { id: "", dtype: "int32", length: 0, filter: "none" } as const;
  const head: TreeHead = {
    title: "", n, m, fingerprint: "f00d", parent: block, height: block, splits: null, branches: [], layers: [], told: null,
    names: null, typical: null, borderline: null, cost: null, parts: null,
  };
  const data = new TreeData(head, tree, new Int32Array(0), [], null, null, null, null);
  const page: PageData = {
    head: { format: "hyperclade-page", version: 1, title: "t", trees: [head] } as unknown as Head,
    trees: [data],
    ids: null,
    names: null,
    columns,
    media: new Media(new Blocks(() => null), new Set(), new Set()),
  };
  const shown = new Shown(page, data, { tree, leaves: null, origin: null, names: new Map() });
  return new Store(page, shown, {
    focus: m - 1, selected: m - 1, chosen: [], hovered: null, k: 2, least: 1, colour: "branch", side: "icicle", query: "", theme: "auto",
  });
}
