import { expect, it } from "vitest";
import { SectorLayout } from "../src/core/layout.ts";
import { Hierarchy } from "../src/core/tree.ts";
import { golden } from "./golden.ts";

it("places nodes where the independent program does", () => {
  const { parent, leaves, branches, points } = golden.layout;
  const tree = new Hierarchy(Int32Array.from(parent), new Float64Array(parent.length), leaves);
  const layout = new SectorLayout(tree, branches);
  const out = new Float64Array(2);
  points.forEach(([x, y], node) => {
    layout.place(node, out, 0);
    expect(Math.abs(out[0] - x)).toBeLessThan(1e-9);
    expect(Math.abs(out[1] - y)).toBeLessThan(1e-9);
  });
});

it("places a single leaf in the middle", () => {
  const tree = new Hierarchy(Int32Array.of(-1), new Float64Array(1), 1);
  const out = Float64Array.of(9, 9);
  new SectorLayout(tree, [0]).place(0, out, 0);
  expect([...out]).toEqual([0, 0]);
});
