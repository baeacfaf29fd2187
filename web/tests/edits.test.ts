import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EditedTree, makesNode, namesOf, type Edit } from "../src/core/edits.ts";
import { Hierarchy } from "../src/core/tree.ts";

interface Case {
  kind: string;
  parent: number[];
  height: number[];
  names: [number, string][];
  edits: Edit[];
  error?: true;
  after?: { parent: number[]; height: number[]; leaves: number[]; origin: number[]; names: [number, string][] };
}

const GOLDEN = JSON.parse(readFileSync(new URL("golden/edits.json", import.meta.url), "utf8")) as { cases: Case[] };

const treeOf = (parent: number[], height: number[]): Hierarchy => {
  const inner = new Set(parent);
  let n = 0;
  while (n < parent.length && !inner.has(n)) n++;
  return new Hierarchy(Int32Array.from(parent), Float64Array.from(height), n);
};

describe("edits", () => {
  it("make the trees that Python makes", () => {
    for (const { kind, parent, height, names, edits, error, after } of GOLDEN.cases) {
      const tree = treeOf(parent, height);
      const edited = new EditedTree(tree);
      const run = (): void => edits.forEach((edit) => edited.apply(edit));
      if (error) {
        expect(run, JSON.stringify({ kind, edits })).toThrow();
        continue;
      }
      run();
      if (after === undefined || edits.length === 0) continue;
      const made = edited.tree();
      expect(Array.from(made.tree.parent), JSON.stringify({ kind, parent, edits })).toEqual(after.parent);
      expect(Array.from(made.tree.height)).toEqual(after.height);
      expect(Array.from(made.leaves)).toEqual(after.leaves);
      expect(Array.from(made.origin)).toEqual(after.origin);
      const given = new Map([...names, ...namesOf(edits, tree.m)]);
      const shown = Array.from(made.origin, (id, node): [number, string] => [node, given.get(id) ?? ""]).filter(([, name]) => name !== "");
      const told = after.names.filter(([, name]) => name !== "").sort(([a], [b]) => a - b);
      expect(shown).toEqual(told);
    }
    expect(GOLDEN.cases.length).toBeGreaterThan(100);
  });
});

/** A tree over n leaves that joins two random clusters at a time, from a seed. */
function randomTree(n: number, seed: number): Hierarchy {
  let state = seed;
  const random = (): number => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const parent = new Int32Array(2 * n - 1).fill(-1);
  const height = new Float64Array(2 * n - 1);
  const open = Int32Array.from({ length: n }, (_, leaf) => leaf);
  for (let node = n, left = n; node < 2 * n - 1; node++) {
    for (let time = 0; time < 2; time++) {
      const at = Math.floor(random() * left);
      parent[open[at]] = node;
      open[at] = open[--left];
    }
    open[left++] = node;
    height[node] = node - n + 1;
  }
  return new Hierarchy(parent, height, n);
}

describe("large trees", () => {
  it("are edited without recursion", () => {
    for (const n of [100_000, 300_000]) {
      const tree = randomTree(n, 7);
      const edited = new EditedTree(tree);
      const [a, b] = tree.children(tree.root);
      edited.apply({ op: "drop", nodes: [tree.leafOrder[0]] });
      edited.apply({ op: "move", node: tree.leafOrder[n - 1], to: Math.max(a, b) });
      const made = edited.tree();
      expect(made.tree.n).toBe(n - 1);
      expect(made.tree.size[made.tree.root]).toBe(n - 1);
    }
  }, 60_000);

  it("keep their heights in order on a caterpillar", () => {
    const n = 50_000;
    const parent = Int32Array.from({ length: 2 * n - 1 }, (_, v) => (v < 2 ? n : v < n ? n + v - 1 : v + 1));
    parent[2 * n - 2] = -1;
    const height = Float64Array.from({ length: 2 * n - 1 }, (_, v) => Math.max(0, v - n + 1));
    const tree = new Hierarchy(parent, height, n);
    const edited = new EditedTree(tree);
    edited.apply({ op: "move", node: 0, to: tree.root });
    edited.apply({ op: "drop", nodes: [1] });
    const made = edited.tree();
    expect(made.tree.n).toBe(n - 1);
    for (let v = 0; v < made.tree.root; v++) {
      if (!(made.tree.parent[v] > v && made.tree.height[v] <= made.tree.height[made.tree.parent[v]])) throw new Error(`node ${v}`);
    }
  });
});

it("number nodes of one height by level and leaf", () => {
  // A balanced tree whose numbering is canonical: all pairs, then all pairs of pairs, ….
  const n = 1 << 14;
  const parent = Int32Array.from({ length: 2 * n - 1 }, (_, v) => (v === 2 * n - 2 ? -1 : n + (v >> 1)));
  for (const height of [() => 1, (v: number) => Math.floor(v / n), (v: number) => Math.log(v)]) {
    const tree = new Hierarchy(parent, Float64Array.from(parent, (_, v) => (v < n ? 0 : height(v))), n);
    const { tree: made, origin } = new EditedTree(tree).tree();
    expect(origin.every((id, node) => id === node)).toBe(true);
    expect(made.parent.every((above, node) => above === parent[node])).toBe(true);
  }
});

it("tells which edits make nodes", () => {
  expect(makesNode({ op: "split", node: 9, nodes: [1] })).toBe(false);
  expect(namesOf([{ op: "split", node: 9, nodes: [1] }, { op: "merge", nodes: [1, 2], name: "a" }, { op: "rename", node: 9, name: "" }], 12)).toEqual(
    new Map([[12, "a"], [9, ""]]),
  );
});
