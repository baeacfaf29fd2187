import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Cuts } from "../src/core/cut.ts";
import { curve, scores, spaced, type Scores } from "../src/core/scores.ts";
import { Hierarchy } from "../src/core/tree.ts";
import { caterpillar, randomTree } from "./trees.ts";

interface Golden {
  labellings: { codes: number[]; labels: number[]; scores: Scores }[];
  trees: { parent: number[]; height: number[]; splits: number[]; codes: number[]; counts: number[]; curve: [number, Scores][] }[];
}

const golden = JSON.parse(readFileSync(`${import.meta.dirname}/golden/scores.json`, "utf8")) as Golden;

function expectClose(found: Scores | null, right: Scores): void {
  expect(Object.keys(found ?? {}).sort()).toEqual(Object.keys(right).sort());
  for (const name of Object.keys(right) as (keyof Scores)[]) expect(found?.[name]).toBeCloseTo(right[name], 9);
}

test("labellings have the scores that Python gives them", () => {
  for (const { codes, labels, scores: right } of golden.labellings) {
    expectClose(scores(Int32Array.from(codes), Int32Array.from(labels)), right);
  }
});

test("cuts of trees have the scores that Python gives them", async () => {
  for (const { parent, height, splits, codes, counts, curve: right } of golden.trees) {
    const tree = new Hierarchy(Int32Array.from(parent), Float64Array.from(height), codes.length, Int32Array.from(splits));
    const found: [number, Scores][] = [];
    for await (const point of curve(tree, new Cuts(tree), Int32Array.from(codes), counts)) found.push(point);
    const first = new Map(right.map(([k, own]) => [k, own]));
    expect(found.map(([k]) => k)).toEqual([...first.keys()]);
    for (const [k, own] of found) expectClose(own, first.get(k) as Scores);
  }
});

test("no score where no sample has a label", async () => {
  expect(scores(Int32Array.of(-1, -1), Int32Array.of(0, 1))).toBe(null);
  expect(scores(new Int32Array(0), new Int32Array(0))).toBe(null);
  const tree = randomTree(10, 1);
  for await (const _ of curve(tree, new Cuts(tree), new Int32Array(10).fill(-1), [1, 2])) expect.unreachable();
});

test("counts are evenly spaced in their logarithm from 1 to n", () => {
  expect(spaced(1, 40)).toEqual([1]);
  expect(spaced(2, 40)).toEqual([1, 2]);
  const counts = spaced(1_000_000, 40);
  expect(counts[0]).toBe(1);
  expect(counts.at(-1)).toBe(1_000_000);
  expect(counts.length).toBeGreaterThan(35);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
});

test("a long curve lets the page breathe", async () => {
  const n = 200_000;
  const tree = caterpillar(n);
  let pauses = 0;
  const pause = (): Promise<void> => Promise.resolve(void pauses++);
  const codes = Int32Array.from({ length: n }, (_, leaf) => leaf % 1000);
  let points = 0;
  for await (const _ of curve(tree, new Cuts(tree), codes, spaced(n, 40), pause)) points++;
  expect(points).toBeGreaterThan(35);
  expect(pauses).toBeGreaterThan(1);
});
