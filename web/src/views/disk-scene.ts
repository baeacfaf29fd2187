import type { SectorLayout } from "../core/layout.ts";
import { applyTo, type Complex, type Mobius } from "../core/mobius.ts";
import type { Hierarchy } from "../core/tree.ts";

const FIRST_ROOM = 4096;
const SPARSE = 3.5; // pixels at the rim between leaves that stand for those left out
const CLOSE = 0.75; // pixels: a node so near to the one above it is drawn as one with it

/**
 * What of the tree is seen through a map of the disk: nodes with their places, from the root down. Whatever is
 * smaller than `detail` pixels at the rim is left out, but for leaves at regular places in the depth-first order,
 * so that what is left out is the same wherever one looks from. Arrays are reused from one picture to the next.
 */
export class Scene {
  count = 0;
  /** Nodes, (count). */
  node = new Int32Array(FIRST_ROOM);
  /** Entry of the node that the edge of each comes from, -1 at the root. */
  up = new Int32Array(FIRST_ROOM);
  /** Places in the unit disk. */
  x = new Float64Array(FIRST_ROOM);
  y = new Float64Array(FIRST_ROOM);
  /** Pixels of the rim that the node's leaves take. */
  room = new Float32Array(FIRST_ROOM);
  readonly #angles: Float64Array;
  readonly #points: Float64Array;
  readonly #seen: Complex = { re: 0, im: 0 };
  #stack = new Int32Array(FIRST_ROOM);

  constructor(
    readonly tree: Hierarchy,
    readonly layout: SectorLayout,
  ) {
    this.#angles = new Float64Array(tree.m);
    this.#points = new Float64Array(2 * tree.m);
  }

  /** Finds what is seen in a disk of `radius` pixels; nodes marked in `keep` are never merged with those above. */
  collect(map: Mobius, radius: number, detail: number, keep: Uint8Array): void {
    const { tree } = this;
    const { size, start, childPointer, childIndex, n } = tree;
    const points = this.#points;
    const { re: ar, im: ai } = map.a;
    const { re: br, im: bi } = map.b;
    const bound = Math.hypot(ar, ai);
    const shift = Math.hypot(br, bi);
    const least = 1 / (bound + shift) ** 2; // (|a| − |b|)², which would cancel
    const spread = 4 * bound * shift;
    // The direction that the middle of the picture lies in from the root.
    const heading = Math.atan2(-bi * ar + br * ai, -br * ar - bi * ai);
    const whole = 2 * Math.PI * radius;
    const close = (CLOSE / radius) ** 2;
    this.count = 0;
    this.see(map, tree.root, this.#seen);
    this.#entry(tree.root, -1, this.#seen.re, this.#seen.im, whole);
    let height = 0;
    this.#push(height++, tree.root, 0);
    while (height > 0) {
      height--;
      const node = this.#stack[2 * height];
      const anchor = this.#stack[2 * height + 1];
      const anchorX = this.x[anchor];
      const anchorY = this.y[anchor];
      const end = childPointer[node + 1];
      const onlyLeaves = end - childPointer[node] === size[node];
      for (let at = childPointer[node]; at < end; at++) {
        const child = childIndex[at];
        const count = size[child];
        let angle = this.#angles[child];
        if (angle === 0) {
          angle = this.#angles[child] = this.layout.angle(child);
          this.layout.place(child, points, child);
        }
        const share = (2 * Math.PI * count) / n;
        let away = Math.abs(angle - heading) % (2 * Math.PI);
        if (away > Math.PI) away = 2 * Math.PI - away;
        const side = Math.sin(Math.max(away - share / 2, 0) / 2);
        const room = Math.min((share * radius) / (least + spread * side * side), whole);
        if (room < detail) {
          const stride = 1 << (32 - Math.clz32(Math.ceil(Math.min((SPARSE * count) / room, 2 ** 30)) - 1));
          const last = (start[child] + count - 1) & -stride;
          if (last < start[child]) {
            if (onlyLeaves) at += stride - 1 - (start[child] & (stride - 1));
            continue;
          }
        }
        const px = points[2 * child];
        const py = points[2 * child + 1];
        const topX = ar * px - ai * py + br;
        const topY = ar * py + ai * px + bi;
        const lowX = br * px + bi * py + ar;
        const lowY = br * py - bi * px - ai;
        const square = lowX * lowX + lowY * lowY;
        const x = (topX * lowX + topY * lowY) / square;
        const y = (topY * lowX - topX * lowY) / square;
        const expand = child >= n && room >= detail;
        const dx = x - anchorX;
        const dy = y - anchorY;
        let own = anchor;
        if (dx * dx + dy * dy > close || keep[child] === 1) {
          own = this.count;
          this.#entry(child, anchor, x, y, room);
        }
        if (expand) this.#push(height++, child, own);
      }
    }
  }

  /** Where a node lies in the picture that a map makes, written to `out`. */
  see(map: Mobius, node: number, out: Complex): void {
    this.place(node, out);
    applyTo(map, out, out);
  }

  /** Point of a node in the layout, written to `out`. */
  place(node: number, out: Complex): void {
    const points = this.#points;
    if (this.#angles[node] === 0) {
      this.#angles[node] = this.layout.angle(node);
      this.layout.place(node, points, node);
    }
    out.re = points[2 * node];
    out.im = points[2 * node + 1];
  }

  #entry(node: number, up: number, x: number, y: number, room: number): void {
    const at = this.count++;
    if (at === this.node.length) {
      this.node = grown(this.node, new Int32Array(2 * at));
      this.up = grown(this.up, new Int32Array(2 * at));
      this.x = grown(this.x, new Float64Array(2 * at));
      this.y = grown(this.y, new Float64Array(2 * at));
      this.room = grown(this.room, new Float32Array(2 * at));
    }
    this.node[at] = node;
    this.up[at] = up;
    this.x[at] = x;
    this.y[at] = y;
    this.room[at] = room;
  }

  #push(height: number, node: number, anchor: number): void {
    if (2 * height === this.#stack.length) this.#stack = grown(this.#stack, new Int32Array(4 * height));
    this.#stack[2 * height] = node;
    this.#stack[2 * height + 1] = anchor;
  }
}

function grown<T extends Int32Array | Float32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
