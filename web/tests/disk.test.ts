import { describe, expect, it } from "vitest";
import { centred, orthogonalCircle } from "../src/core/geodesic.ts";
import { SectorLayout } from "../src/core/layout.ts";
import { apply, compose, IDENTITY, translation, type Mobius } from "../src/core/mobius.ts";
import { Hierarchy } from "../src/core/tree.ts";
import { legible } from "../src/page/contrast.ts";
import { Labels, type Frame, type Label, type LabelSource } from "../src/views/disk-labels.ts";
import { traceGeodesic } from "../src/views/disk-path.ts";
import { Scene } from "../src/views/disk-scene.ts";
import { sceneSvg } from "../src/views/disk-svg.ts";

const RADIUS = 390;
const FRAME: Frame = { radius: RADIUS, width: 1280, height: 800, moving: false, passed: Infinity };

/** A balanced tree: every inner node has `width` children, the leaves are `depth` below the root. */
function balanced(width: number, depth: number): Hierarchy {
  const parents: number[] = [];
  let first = 0;
  for (let level = depth; level > 0; level--) {
    const count = width ** level;
    for (let i = 0; i < count; i++) parents.push(first + count + Math.floor(i / width));
    first += count;
  }
  parents.push(-1);
  return hierarchy(parents, width ** depth);
}

function caterpillar(leaves: number): Hierarchy {
  const parents = Array.from({ length: leaves }, (_, leaf) => leaves + Math.max(leaf - 1, 0));
  for (let node = leaves; node < 2 * leaves - 2; node++) parents.push(node + 1);
  return hierarchy([...parents, -1], leaves);
}

function hierarchy(parents: number[], leaves: number): Hierarchy {
  return new Hierarchy(Int32Array.from(parents), new Float64Array(parents.length), leaves);
}

function sceneOf(tree: Hierarchy, map: Mobius = IDENTITY, keep = new Uint8Array(tree.m)): Scene {
  const scene = new Scene(tree, new SectorLayout(tree, []));
  scene.collect(map, RADIUS, 1.5, keep);
  return scene;
}

function viewOf(tree: Hierarchy, node: number): Mobius {
  const point = new Float64Array(2);
  new SectorLayout(tree, []).place(node, point, 0);
  return centred({ re: point[0], im: point[1] });
}

describe("what is seen", () => {
  it("is all of a small tree, each node where the map has it", () => {
    const tree = balanced(3, 3);
    const map = compose(translation({ re: 0.4, im: -0.3 }), translation({ re: -0.1, im: 0.6 }));
    const scene = sceneOf(tree, map);
    expect([...scene.node.subarray(0, scene.count)].sort((a, b) => a - b)).toEqual(Array.from({ length: tree.m }, (_, v) => v));
    const point = new Float64Array(2);
    for (let at = 0; at < scene.count; at++) {
      const node = scene.node[at];
      scene.layout.place(node, point, 0);
      const { re, im } = apply(map, { re: point[0], im: point[1] });
      expect(Math.hypot(scene.x[at] - re, scene.y[at] - im)).toBeLessThan(1e-9);
      expect(scene.up[at] < 0 ? -1 : scene.node[scene.up[at]]).toBe(tree.parent[node]);
    }
  });

  it.each([["many levels", balanced(2, 17)], ["many children", balanced(10_000, 1)], ["a caterpillar", caterpillar(50_000)]])(
    "is a few thousand nodes of a large tree wherever one looks: %s",
    (_, tree) => {
      for (const node of [tree.root, tree.children(tree.root)[1], 0, 77]) {
        const scene = sceneOf(tree, viewOf(tree, node));
        expect(scene.count).toBeGreaterThan(10);
        expect(scene.count).toBeLessThan(6000);
        for (let at = 1; at < scene.count; at++) expect(scene.up[at]).toBeLessThan(at);
      }
    },
  );

  it("leaves nothing out that is large", () => {
    const tree = balanced(2, 14);
    const map = viewOf(tree, 5000);
    const scene = sceneOf(tree, map);
    const seen = new Set(scene.node.subarray(0, scene.count));
    const point = { re: 0, im: 0 };
    for (let leaf = 0; leaf < tree.n; leaf++) {
      scene.place(leaf, point);
      const { re, im } = apply(map, point);
      if ((1 - re * re - im * im) * RADIUS > 6) expect(seen).toContain(leaf);
    }
  });

  it("keeps nodes that are marked apart from those above", () => {
    const tree = caterpillar(1000);
    const keep = new Uint8Array(tree.m);
    const node = tree.children(tree.root).find((child) => !tree.isLeaf(child)) as number;
    expect(sceneOf(tree).node.subarray(0, sceneOf(tree).count)).not.toContain(node);
    keep[node] = 1;
    const scene = sceneOf(tree, IDENTITY, keep);
    expect(scene.node.subarray(0, scene.count)).toContain(node);
  });
});

const NAMES: LabelSource = {
  text: (node) => `name of node ${node}`,
  width: (text) => 8 * text.length,
  picture: () => 0,
  weight: () => 0,
};

function overlaps(labels: readonly Label[]): number {
  let count = 0;
  labels.forEach((a, i) =>
    labels.slice(0, i).forEach((b) => {
      if (a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height) count++;
    }),
  );
  return count;
}

describe("names", () => {
  it("are those that fit, none over another, all in the picture", () => {
    const labels = new Labels(NAMES);
    labels.place(sceneOf(balanced(3, 6)), FRAME);
    expect(labels.all.length).toBeGreaterThan(20);
    expect(overlaps(labels.all)).toBe(0);
    for (const { x, y, width, height, alpha } of labels.all) {
      expect(alpha).toBe(1);
      expect(Math.abs(x + width / 2) + width / 2).toBeLessThanOrEqual(640);
      expect(Math.abs(y + height / 2) + height / 2).toBeLessThanOrEqual(400);
    }
  });

  it("never overlap and never jump while the picture moves", () => {
    const tree = balanced(3, 6);
    const scene = new Scene(tree, new SectorLayout(tree, []));
    const keep = new Uint8Array(tree.m);
    const labels = new Labels(NAMES);
    let before = new Map<number, Label>();
    for (let step = 0; step <= 200; step++) {
      scene.collect(translation({ re: 0.003 * step, im: 0.001 * step }), RADIUS, 1.5, keep);
      labels.place(scene, { ...FRAME, moving: step > 0, passed: step > 0 ? 16 : Infinity });
      expect(overlaps(labels.all)).toBe(0);
      const now = new Map(labels.all.map((label) => [label.node, { ...label }]));
      for (const [node, label] of before) {
        const next = now.get(node);
        // What goes was hardly to be seen, what stays is near where it was.
        if (next === undefined) expect(label.alpha).toBeLessThan(0.75);
        else {
          expect(Math.hypot(next.x + next.width / 2 - label.x - label.width / 2, next.y - label.y)).toBeLessThan(8);
          expect(Math.abs(next.alpha - label.alpha)).toBeLessThan(0.5);
          expect(next.alpha - label.alpha).toBeLessThan(0.2);
        }
      }
      before = now;
    }
  });

  it("settle to the same as if nothing had moved", () => {
    const tree = balanced(3, 6);
    const scene = sceneOf(tree);
    const labels = new Labels(NAMES);
    const shown = (own: Labels): number[] => own.all.filter(({ alpha }) => alpha > 0).map(({ node }) => node).sort((a, b) => a - b);
    labels.place(sceneOf(tree, translation({ re: 0.5, im: 0.1 })), FRAME);
    let frames = 0;
    do labels.place(scene, { ...FRAME, passed: 16 });
    while (labels.fading && ++frames < 100);
    const fresh = new Labels(NAMES);
    fresh.place(scene, FRAME);
    expect(shown(labels)).toEqual(shown(fresh));
  });

  it("that must be there are, and empty ones are not", () => {
    const tree = balanced(3, 6);
    const labels = new Labels({ ...NAMES, text: (node) => (node % 2 === 0 ? "" : "odd"), weight: (node) => (node === 101 ? 2 : 0) });
    labels.place(sceneOf(tree), FRAME);
    expect(labels.all[0].node).toBe(101);
    expect(labels.all.every(({ node }) => node % 2 === 1)).toBe(true);
  });
});

describe("edges", () => {
  it.each([
    [0.9, 0.1, 0.85, 0.4],
    [0.5, 0.5, -0.5, 0.6],
    [-0.7, -0.7, 0.99, 0.01],
    [0.1, 0.2, 0.6, -0.3],
    [0.3, -0.9, -0.2, -0.95],
  ])("are drawn along the geodesic from (%d, %d) to (%d, %d)", (x1, y1, x2, y2) => {
    const circle = new Float64Array(3);
    orthogonalCircle(x1, y1, x2, y2, circle);
    const [cx, cy, bend] = [circle[0] * RADIUS, -circle[1] * RADIUS, circle[2] * RADIUS];
    const off = (x: number, y: number): number => Math.abs(Math.hypot(x - cx, y - cy) - bend);
    let drawn = 0;
    let [x0, y0] = [NaN, NaN];
    const pen = {
      moveTo: (x: number, y: number) => ([x0, y0] = [x, y]),
      lineTo: (x: number, y: number) => {
        expect(off((x0 + x) / 2, (y0 + y) / 2)).toBeLessThan(0.3);
        drawn++;
      },
      bezierCurveTo: (ax: number, ay: number, bx: number, by: number, x: number, y: number) => {
        for (const t of [0.2, 0.5, 0.7, 1]) {
          const mix = (p: number, q: number, r: number, s: number): number =>
            (1 - t) ** 3 * p + 3 * t * (1 - t) ** 2 * q + 3 * t * t * (1 - t) * r + t ** 3 * s;
          expect(off(mix(x0, ax, bx, x), mix(y0, ay, by, y))).toBeLessThan(0.6);
          // Within the disk, so it is the arc inside and not its complement.
          expect(Math.hypot(mix(x0, ax, bx, x), mix(y0, ay, by, y))).toBeLessThan(RADIUS);
        }
        drawn++;
      },
      arc: (x: number, y: number, r: number, first: number, last: number, back: boolean) => {
        expect([x, y, r]).toEqual([cx, cy, bend]);
        const turn = (back ? first - last + 4 * Math.PI : last - first + 4 * Math.PI) % (2 * Math.PI);
        expect(turn).toBeLessThan(Math.PI);
        expect(Math.hypot(x + r * Math.cos(last) - x2 * RADIUS, y + r * Math.sin(last) + y2 * RADIUS)).toBeLessThan(1e-6);
        drawn++;
      },
    };
    traceGeodesic(pen as unknown as CanvasRenderingContext2D, new Float64Array(3), RADIUS, x1, y1, x2, y2);
    expect(drawn).toBe(1);
  });
});

describe("the picture as SVG", () => {
  it("has every node of the scene, and names as text", () => {
    const scene = sceneOf(balanced(4, 3));
    const labels = new Labels({ ...NAMES, text: (node) => `</text><script>alert("${node}")</script>\uFFFF\uD83C&'` });
    labels.place(scene, FRAME);
    const inks = { ground: "#fff", raised: "#eee", ink: "#000", line: "#ccc", edge: () => "#332288", width: () => 1, dot: () => 2 };
    const svg = sceneSvg(scene, labels.all, inks, RADIUS, 1280, 800);
    expect(svg.match(/class="node"/g)).toHaveLength(scene.count);
    expect(svg.match(/<path /g)).toHaveLength(scene.count - 1);
    expect(svg.match(/<text /g)).toHaveLength(labels.all.length);
    expect(svg).not.toMatch(/<script|[\uFFFF\p{Cs}]|NaN|Infinity/u);
    expect(svg).toContain("&#60;script&#62;alert(&#34;");
  });
});

describe("colours", () => {
  it("are moved until they can be told from the ground, and no farther", () => {
    expect(legible("#332288", "rgb(255, 255, 255)", 2.4)).toBe("rgb(51, 34, 136)");
    const [red, , blue] = (legible("#332288", "rgb(22, 22, 28)", 3).match(/\d+/g) as string[]).map(Number);
    expect(red).toBeGreaterThan(70);
    expect(blue).toBeGreaterThan(red);
  });
});
