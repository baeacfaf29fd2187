/**
 * A rooted tree over n leaves in flat arrays, as `hyperclade.Tree` has it: leaves are 0..n-1, inner nodes n..m-1,
 * a child has a smaller id than its parent, the root is m-1. Nothing here recurses.
 */
export class Hierarchy {
  readonly n: number;
  readonly m: number;
  readonly root: number;
  /** Number of leaves under each node, (m). */
  readonly size: Int32Array;
  /** Position in `leafOrder` of the first leaf under each node, (m). */
  readonly start: Int32Array;
  /** Children of v are childIndex[childPointer[v] .. childPointer[v + 1]), by the smallest leaf under each. */
  readonly childPointer: Int32Array;
  readonly childIndex: Int32Array;
  /** Leaves in depth-first order, (n). */
  readonly leafOrder: Int32Array;
  /** Inner nodes in canonical order, the first to be split last, (m-n). */
  readonly splits: Int32Array;
  #depth: Int32Array | undefined;

  constructor(
    readonly parent: Int32Array,
    /** Heights (m), 0 at the leaves. */
    readonly height: Float64Array,
    readonly nLeaves: number,
    splits?: Int32Array | null,
  ) {
    const n = nLeaves;
    const m = parent.length;
    this.n = n;
    this.m = m;
    this.root = m - 1;
    this.size = new Int32Array(m);
    this.size.fill(1, 0, n);
    const pointer = new Int32Array(m + 1);
    for (let v = 0; v < m - 1; v++) {
      this.size[parent[v]] += this.size[v];
      pointer[parent[v] + 1]++;
    }
    for (let v = 0; v < m; v++) pointer[v + 1] += pointer[v];
    this.childPointer = pointer;
    this.childIndex = childrenByLeaf(parent, pointer, n);
    this.start = new Int32Array(m);
    for (let v = m - 1; v >= n; v--) {
      let position = this.start[v];
      for (let at = pointer[v]; at < pointer[v + 1]; at++) {
        const child = this.childIndex[at];
        this.start[child] = position;
        position += this.size[child];
      }
    }
    this.leafOrder = new Int32Array(n);
    for (let leaf = 0; leaf < n; leaf++) this.leafOrder[this.start[leaf]] = leaf;
    this.splits = splits ?? Int32Array.from({ length: m - n }, (_, at) => n + at);
  }

  isLeaf(node: number): boolean {
    return node < this.n;
  }

  children(node: number): Int32Array {
    return this.childIndex.subarray(this.childPointer[node], this.childPointer[node + 1]);
  }

  /** Leaves under a node, in depth-first order. */
  leaves(node: number): Int32Array {
    return this.leafOrder.subarray(this.start[node], this.start[node] + this.size[node]);
  }

  /** Number of edges from the root to each node, (m). */
  get depth(): Int32Array {
    if (this.#depth === undefined) {
      this.#depth = new Int32Array(this.m);
      for (let v = this.root - 1; v >= 0; v--) this.#depth[v] = this.#depth[this.parent[v]] + 1;
    }
    return this.#depth;
  }

  /** Nodes from the root down to a node, both included. */
  path(node: number): number[] {
    const way = [];
    for (let v = node; v >= 0; v = this.parent[v]) way.push(v);
    return way.reverse();
  }

  /** Whether a node lies in the subtree of another, or is it. */
  holds(above: number, node: number): boolean {
    if (above < node) return false;
    return this.start[above] <= this.start[node] && this.start[node] + this.size[node] <= this.start[above] + this.size[above];
  }

  /** The lowest common ancestor of two nodes. */
  lca(a: number, b: number): number {
    let up = Math.max(a, b);
    const other = Math.min(a, b);
    while (!this.holds(up, other)) up = this.parent[up];
    return up;
  }
}

function childrenByLeaf(parent: Int32Array, pointer: Int32Array, n: number): Int32Array {
  const place = pointer.slice(0, parent.length);
  const children = new Int32Array(Math.max(parent.length - 1, 0));
  // The smallest leaf of a node is the first whose way up reaches it, so every edge is climbed once.
  for (let leaf = 0; leaf < n; leaf++) {
    let node = leaf;
    while (parent[node] >= 0) {
      const above = parent[node];
      children[place[above]++] = node;
      if (place[above] > pointer[above] + 1) break; // an earlier leaf came through here
      node = above;
    }
  }
  return children;
}
