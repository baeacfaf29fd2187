import { Blocks, Strings } from "../src/core/bytes.ts";
import { Hierarchy } from "../src/core/tree.ts";
import { Media, TreeData, type Column, type PageData } from "../src/page/data.ts";
import type { Head, TreeHead } from "../src/page/head.ts";
import { Shown } from "../src/page/shown.ts";
import { Store } from "../src/page/store.ts";

/** What a store of a test may hold besides a tree. */
export interface Fixture {
  columns?: Column[];
  names?: string[];
  nodeNames?: ReadonlyMap<number, string>;
  typical?: Int32Array;
  images?: ReadonlyMap<number, Blob>;
  sounds?: ReadonlyMap<number, Blob>;
  /** Told the id of each medium that is read. */
  read?: (id: string) => void;
}

/** A store of a tree without data elements behind it: nodes of ascending heights, leaves called "#i" if not named. */
export function storeOf(parent: ArrayLike<number>, n: number, own: Fixture = {}): Store {
  const m = parent.length;
  const tree = new Hierarchy(Int32Array.from(parent), Float64Array.from(parent, (_, v) => Math.max(0, v - n + 1)), n);
  const block = { id: "", dtype: "int32", length: 0, filter: "none" } as const;
  const width = own.typical?.length ?? 0;
  const head: TreeHead = {
    title: "", n, m, fingerprint: "f00d", parent: block, height: block, splits: null, branches: [], layers: [], told: null,
    names: null, typical: width > 0 ? { width, block } : null, borderline: null, cost: null, match: null, parts: null,
  };
  const told = Int32Array.from(own.nodeNames?.keys() ?? []).sort();
  const toldNames = Array.from(told, (node) => own.nodeNames?.get(node) ?? "");
  const typical = own.typical === undefined ? null : repeated(own.typical, told.length);
  const data = new TreeData(head, tree, told, toldNames, typical, null, null, null, null);
  const blocks = {
    strings: (): Promise<string[]> => Promise.resolve(own.names ?? []),
    file: (id: string): Blob | null => {
      own.read?.(id);
      const from = id.startsWith("hc-i") ? own.images : own.sounds;
      return from?.get(Number(id.slice(4))) ?? null;
    },
  } as unknown as Blocks;
  const page: PageData = {
    head: { format: "hyperclade-page", version: 1, title: "t", trees: [head] } as unknown as Head,
    trees: [data],
    ids: null,
    names: own.names === undefined ? null : new Strings({ count: n, per: n, ids: ["names"] }, blocks),
    columns: own.columns ?? [],
    media: new Media(blocks, new Set(own.images?.keys()), new Set(own.sounds?.keys())),
  };
  const shown = new Shown(page, data, { tree, leaves: null, origin: null, names: new Map() });
  return new Store(page, shown, {
    focus: m - 1, selected: m - 1, chosen: [], hovered: null, k: Math.min(2, n), least: 1, colour: "branch", side: "icicle", query: "", theme: "auto",
  });
}

function repeated(row: Int32Array, times: number): Int32Array {
  const rows = new Int32Array(row.length * times);
  for (let at = 0; at < times; at++) rows.set(row, at * row.length);
  return rows;
}
