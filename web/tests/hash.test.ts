import { describe, expect, test } from "vitest";
import { Hierarchy } from "../src/core/tree.ts";
import { fromHash, toHash, type Kept } from "../src/page/hash.ts";
import type { PageData, TreeData } from "../src/page/data.ts";
import { Shown } from "../src/page/shown.ts";

const COLUMN = "a&b=c #é%20";
const page = { columns: [{ title: COLUMN }] } as unknown as PageData;
const data = { head: { branches: [], layers: [], match: null } } as unknown as TreeData;
const tree = new Hierarchy(Int32Array.of(4, 4, 5, 5, 6, 6, -1), Float64Array.of(0, 0, 0, 0, 1, 1, 2), 4);
const shown = new Shown(page, data, { tree, leaves: null, origin: null, names: new Map() });
const start: Kept = {
  focus: 6,
  selected: 6,
  k: 2,
  least: 1,
  colour: "branch",
  side: "icicle",
  query: "",
  theme: "auto",
};

test("the state at the start is no hash", () => {
  expect(toHash(start, start, shown)).toBe("");
  expect(fromHash("", start, shown)).toEqual(start);
});

test.each<Partial<Kept>>([
  { focus: 4, selected: 1 },
  { focus: 5, selected: 5 },
  { selected: 0 },
  { k: 4, least: 3 },
  { colour: COLUMN, side: "matrix", theme: "dark" },
  { query: "<b>&k=3#\u202e ü" },
])("%o comes back", (patch) => {
  const state = { ...start, ...patch };
  expect(fromHash(toHash(state, start, shown), start, shown)).toEqual(state);
});

test("nodes are those of the edits", () => {
  const small = new Hierarchy(Int32Array.of(2, 2, -1), Float64Array.of(0, 0, 1), 2);
  const origin = Int32Array.of(2, 3, 5);
  const edited = new Shown(page, data, {
    tree: small,
    leaves: Int32Array.of(2, 3),
    origin,
    names: new Map(),
  });
  expect(toHash({ ...start, focus: 1, selected: 2 }, start, edited)).toBe("#focus=3&selected=5");
  expect(fromHash("#focus=3&selected=6", start, edited)).toMatchObject({ focus: 1, selected: 1 });
});

describe("what is no state is ignored", () => {
  test.each([
    "#focus=7",
    "#focus=-1",
    "#focus=1e3",
    "#focus=__proto__",
    "#selected=99999999999",
    "#k=0",
    "#k=5",
    "#k=NaN",
    "#least=9",
    "#colour=none",
    "#side=constructor",
    "#theme=<script>",
    "#%E0%A4%A",
    "#&&==&",
    "#focus",
  ])("%s", (hash) => {
    const { k, ...rest } = fromHash(hash, start, shown);
    const { k: usual, ...others } = start;
    expect(rest).toEqual(others);
    expect([1, usual]).toContain(k);
  });
});
