import type { Hierarchy } from "./tree.ts";

const BRANCH_GAP = 0.006; // of the circle, before each main branch
const LEAST_REACH = 2.6; // hyperbolic distance of the leaves from the centre

/**
 * Where nodes lie in the Poincaré disk, each computed when it is asked for: sectors as wide as their share of the
 * leaves, a node in the middle of its own, as far out as the hyperbolic circle there has room for all like it.
 * So every node sees its subtree as the root sees the whole.
 */
export class SectorLayout {
  readonly #scale: number;
  readonly #starts: Float64Array;
  readonly #gap: number;
  readonly #whole: number;

  constructor(
    readonly tree: Hierarchy,
    branches: readonly number[],
  ) {
    this.#scale = tree.n > 1 ? Math.max(1, LEAST_REACH / Math.log1p((tree.n - 1) / 2)) : 1;
    this.#starts = Float64Array.from(new Set(branches.map((node) => tree.start[node]))).sort();
    this.#gap = BRANCH_GAP * tree.n;
    this.#whole = tree.n + this.#gap * this.#starts.length;
  }

  /** Angle of a node in radians: the middle of its sector. */
  angle(node: number): number {
    const first = this.tree.start[node];
    return (this.#ofPosition(first) + this.#ofPosition(first + this.tree.size[node] - 1)) / 2;
  }

  /** Angle of a leaf by its position in depth-first order. */
  #ofPosition(position: number): number {
    let opened = 0;
    while (opened < this.#starts.length && this.#starts[opened] <= position) opened++;
    return (2 * Math.PI * (position + opened * this.#gap)) / this.#whole;
  }

  /** Hyperbolic distance of a node from the centre. */
  radius(node: number): number {
    const { n, size } = this.tree;
    return this.#scale * Math.log1p((n / size[node] - 1) / 2);
  }

  /** Coordinates of a node, written to `out` at 2·at. */
  place(node: number, out: Float64Array, at: number): void {
    const length = Math.tanh(this.radius(node) / 2);
    const angle = this.angle(node);
    out[2 * at] = length * Math.cos(angle);
    out[2 * at + 1] = length * Math.sin(angle);
  }
}
