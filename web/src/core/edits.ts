import { Hierarchy } from "./tree.ts";

/** A correction of a tree by hand; see `hyperclade.trees.edits`. Nodes are ids of the tree, then of new nodes. */
export type Edit =
  | { op: "rename"; node: number; name: string }
  | { op: "merge"; nodes: number[]; name?: string }
  | { op: "dissolve"; node: number }
  | { op: "move"; node: number; to: number }
  | { op: "split"; node: number; nodes: number[]; name?: string }
  | { op: "drop"; nodes: number[] }
  | { op: "keep"; nodes: number[] };

/** A tree after edits, in the canonical numbering, and where its nodes come from. */
export interface Edited {
  tree: Hierarchy;
  /** The leaf that each leaf was before, ascending, (n'). */
  leaves: Int32Array;
  /** The id of each node before, or of the new node, (m'). */
  origin: Int32Array;
}

const [ROOT, GONE] = [-1, -2];
const FEW = 4096; // nodes that are sorted faster one against the other than by their digits

/** A tree that edits change in place, one after the other, as `apply_edits` in Python does. */
export class EditedTree {
  /** The id that the next new node gets. */
  next: number;
  readonly #n: number;
  /** Parent of each node, ROOT, or GONE where a node has left the tree with all below it. */
  #parent: Int32Array;
  #height: Float64Array;
  /** Number of children of each node. */
  #count: Int32Array;
  /** All ids of children in one (exclusive or), which is the id of the last one where one is left. */
  #mixed: Int32Array;

  constructor(tree: Hierarchy) {
    this.#n = tree.n;
    this.next = tree.m;
    this.#parent = tree.parent.slice();
    this.#height = tree.height.slice();
    this.#count = new Int32Array(tree.m);
    this.#mixed = new Int32Array(tree.m);
    for (let v = 0; v < tree.root; v++) {
      this.#count[tree.parent[v]]++;
      this.#mixed[tree.parent[v]] ^= v;
    }
  }

  /** Does one edit. After an error, which says why not, the tree is of no more use. */
  apply(edit: Edit): void {
    switch (edit.op) {
      case "rename":
        this.#standing([edit.node]);
        return;
      case "merge":
        return this.#merge(edit.nodes);
      case "dissolve":
        return this.#dissolve(edit.node);
      case "move":
        return this.#move(edit.node, edit.to);
      case "split":
        return this.#split(edit.node, edit.nodes);
      case "drop":
        this.#standing(edit.nodes);
        if (!this.#settle(edit.nodes.map((node) => this.#detach(node)))) throw new Error("no leaf would be left");
        return;
      case "keep":
        return this.#keep(edit.nodes);
    }
  }

  /** The tree as it is now, in the canonical numbering. O(m). */
  tree(): Edited {
    const used = this.next;
    const parent = this.#parent;
    const stands = this.#allStanding();
    const level = new Int32Array(used);
    const smallest = new Int32Array(used).fill(used);
    const waiting = this.#count.slice(0, used);
    const queue = new Int32Array(used);
    let filled = 0;
    for (let leaf = 0; leaf < this.#n; leaf++) {
      if (!stands[leaf]) continue;
      smallest[leaf] = leaf;
      queue[filled++] = leaf;
    }
    const n = filled;
    for (let done = 0; done < filled; done++) {
      const node = queue[done];
      const above = parent[node];
      if (above < 0) continue;
      if (level[node] >= level[above]) level[above] = level[node] + 1;
      if (smallest[node] < smallest[above]) smallest[above] = smallest[node];
      if (--waiting[above] === 0) queue[filled++] = above;
    }
    const origin = queue.slice(0, filled);
    const inner = sortedBy(origin.subarray(n), smallest, level, this.#height);
    origin.set(inner, n);
    const now = waiting; // has been worked off
    for (let node = 0; node < filled; node++) now[origin[node]] = node;
    const height = new Float64Array(filled);
    const newParent = new Int32Array(filled);
    for (let node = 0; node < filled; node++) {
      const above = parent[origin[node]];
      newParent[node] = above < 0 ? ROOT : now[above];
      height[node] = this.#height[origin[node]];
    }
    return { tree: new Hierarchy(newParent, height, n), leaves: origin.slice(0, n), origin };
  }

  #merge(nodes: readonly number[]): void {
    this.#standing(nodes);
    const parent = this.#parent[nodes[0]];
    if (nodes.length < 2) throw new Error("needs two nodes at least");
    refuseTwice(nodes);
    if (parent === ROOT || nodes.some((node) => this.#parent[node] !== parent)) throw new Error("the nodes must be children of one node");
    if (nodes.length === this.#count[parent]) throw new Error(`these are all children of node ${parent}, which is their group already`);
    const highest = nodes.reduce((most, node) => Math.max(most, this.#height[node]), 0);
    const height = (highest + this.#height[parent]) / 2;
    if (!Number.isFinite(height)) throw new Error("the heights are too large to add");
    for (const node of nodes) this.#detach(node);
    const made = this.#make(parent, height);
    for (const node of nodes) this.#attach(node, made);
  }

  #dissolve(node: number): void {
    this.#inner(node);
    const parent = this.#parent[node];
    if (parent === ROOT) throw new Error(`node ${node} is the root, which cannot be dissolved`);
    this.#detach(node);
    for (let child = 0; child < this.next; child++) if (this.#parent[child] === node) this.#attach(child, parent);
    this.#settle([parent]);
  }

  #move(node: number, to: number): void {
    this.#standing([node]);
    this.#inner(to);
    if (node === to || this.#nearest([to], [node])[0] === node) {
      throw new Error(`node ${to} lies in the subtree of node ${node}, which cannot go there`);
    }
    if (this.#parent[node] === to) throw new Error(`node ${node} is a child of node ${to} already`);
    const lost = this.#detach(node);
    this.#attach(node, to);
    for (let v = to; v >= 0 && this.#height[v] < this.#height[node]; v = this.#parent[v]) this.#height[v] = this.#height[node];
    this.#settle([lost]);
  }

  #split(node: number, nodes: readonly number[]): void {
    this.#inner(node);
    this.#standing(nodes);
    const parent = this.#parent[node];
    if (parent === ROOT) throw new Error(`node ${node} is the root, which has no siblings`);
    refuseTwice(nodes);
    this.#nearest(nodes, [node, ...nodes]).forEach((above, at) => {
      if (above === node) return;
      const why = above >= 0 ? `lies below node ${above}, which is named too` : `does not lie below node ${node}`;
      throw new Error(`node ${nodes[at]} ${why}`);
    });
    const lost = nodes.map((own) => this.#detach(own));
    const above = nodes.length === 1 ? parent : this.#make(parent, this.#height[node]);
    for (const own of nodes) this.#attach(own, above);
    this.#settle(lost);
    if (this.#count[node] === 0) throw new Error(`these are all leaves of node ${node}; some must stay`);
  }

  #keep(nodes: readonly number[]): void {
    this.#standing(nodes);
    const nearest = this.#nearest(nodes, nodes);
    const tops = new Set(nodes.filter((_, at) => nearest[at] < 0));
    const stays = new Uint8Array(this.next);
    for (const top of tops) {
      for (let v = top; v >= 0 && !stays[v]; v = this.#parent[v]) stays[v] = 1;
    }
    const lost: number[] = [];
    for (let v = 0; v < this.next; v++) {
      const above = this.#parent[v];
      if (above >= 0 && stays[above] && !stays[v] && !tops.has(above)) lost.push(this.#detach(v));
    }
    this.#settle(lost);
  }

  #make(parent: number, height: number): number {
    const node = this.next++;
    if (node >= this.#parent.length) {
      const room = node + 256;
      const grown = <T extends Int32Array | Float64Array>(old: T, made: T): T => {
        made.set(old);
        return made;
      };
      this.#parent = grown(this.#parent, new Int32Array(room));
      this.#height = grown(this.#height, new Float64Array(room));
      this.#count = grown(this.#count, new Int32Array(room));
      this.#mixed = grown(this.#mixed, new Int32Array(room));
    }
    this.#height[node] = height;
    this.#attach(node, parent);
    return node;
  }

  /** Takes a node out of the tree; gives its parent. */
  #detach(node: number): number {
    const above = this.#parent[node];
    this.#parent[node] = GONE;
    if (above >= 0) {
      this.#count[above]--;
      this.#mixed[above] ^= node;
    }
    return above;
  }

  #attach(node: number, above: number): void {
    this.#parent[node] = above;
    if (above >= 0) {
      this.#count[above]++;
      this.#mixed[above] ^= node;
    }
  }

  /** After nodes have lost children: empty ones vanish, an only child takes its parent's place; false if none is left. */
  #settle(lost: readonly number[]): boolean {
    for (let node of lost) {
      while (node >= 0 && this.#parent[node] !== GONE && this.#count[node] === 0) {
        if (this.#parent[node] === ROOT) return false;
        node = this.#detach(node);
      }
      if (node === ROOT) return false;
      if (node >= 0 && this.#parent[node] !== GONE && this.#count[node] === 1) {
        const child = this.#mixed[node];
        this.#attach(child, this.#detach(node));
      }
    }
    return true;
  }

  #inner(node: number): void {
    this.#standing([node]);
    if (node < this.#n) throw new Error(`node ${node} is a leaf`);
  }

  #standing(nodes: readonly number[]): void {
    for (const node of nodes) {
      if (!(node >= 0 && node < this.next)) throw new Error(`there is no node ${node}; ids here are 0..${this.next - 1}`);
    }
    const gone = this.#nearest(nodes, []).indexOf(GONE);
    if (gone >= 0) throw new Error(`node ${nodes[gone]} is gone by an earlier edit`);
  }

  /** Nearest marked node above each, ROOT where there is none, GONE out of the tree; no edge is climbed twice. */
  #nearest(nodes: readonly number[], marks: readonly number[]): number[] {
    const marked = new Set(marks);
    const known = new Map<number, number>();
    return nodes.map((node) => {
      let above = this.#parent[node];
      while (above >= 0 && !marked.has(above) && !known.has(above)) above = this.#parent[above];
      const found = above >= 0 && !marked.has(above) ? (known.get(above) as number) : above;
      for (let v = this.#parent[node]; v >= 0 && !marked.has(v) && !known.has(v); v = this.#parent[v]) known.set(v, found);
      return found;
    });
  }

  /** Whether each node is in the tree, (next). */
  #allStanding(): Uint8Array {
    const [unknown, yes, no] = [0, 1, 2];
    const state = new Uint8Array(this.next);
    const parent = this.#parent;
    for (let node = 0; node < this.next; node++) {
      let top = node;
      while (state[top] === unknown && parent[top] >= 0) top = parent[top];
      const found = state[top] === unknown ? (parent[top] === ROOT ? yes : no) : state[top];
      for (let v = node; v >= 0 && state[v] === unknown; v = parent[v]) state[v] = found;
    }
    for (let node = 0; node < this.next; node++) if (state[node] === no) state[node] = 0;
    return state;
  }
}

/** Names that edits gave or took (""), by id; `m`: the id of the first new node. */
export function namesOf(edits: readonly Edit[], m: number): Map<number, string> {
  const names = new Map<number, string>();
  let next = m;
  for (const edit of edits) {
    if (edit.op === "rename") names.set(edit.node, edit.name);
    if (makesNode(edit)) names.set(next++, edit.name ?? "");
  }
  return names;
}

/** Whether an edit makes a new node. */
export function makesNode(edit: Edit): edit is Extract<Edit, { op: "merge" | "split" }> {
  return edit.op === "merge" || (edit.op === "split" && edit.nodes.length > 1);
}

/** Nodes by height, then level, then smallest leaf; radix sort, since a million are to be sorted at once. */
function sortedBy(nodes: Int32Array, smallest: Int32Array, level: Int32Array, height: Float64Array): Int32Array {
  // The bits of numbers that are not negative are in the order of the numbers.
  const bits = new Uint32Array(height.buffer, height.byteOffset, 2 * height.length);
  const sorted = nodes.slice();
  radixSort(sorted, bits, 2, 0);
  radixSort(sorted, bits, 2, 1);
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    while (end < sorted.length && height[sorted[end]] === height[sorted[start]]) end++;
    if (end - start === 1) continue;
    const tied = sorted.subarray(start, end);
    if (tied.length < FEW) {
      tied.sort((a, b) => level[a] - level[b] || smallest[a] - smallest[b]);
    } else {
      radixSort(tied, smallest, 1, 0);
      radixSort(tied, level, 1, 0);
    }
  }
  return sorted;
}

/** Sorts nodes in place by keys[step · node + offset], not negative; those with the same key stay in order. */
function radixSort(nodes: Int32Array, keys: Int32Array | Uint32Array, step: number, offset: number): void {
  const count = new Int32Array(1 << 16);
  let from: Int32Array = nodes;
  let to: Int32Array = new Int32Array(nodes.length);
  for (const shift of [0, 16]) {
    count.fill(0);
    for (const node of from) count[(keys[step * node + offset] >>> shift) & 0xffff]++;
    if (from.length === 0 || count[(keys[step * from[0] + offset] >>> shift) & 0xffff] === from.length) continue;
    for (let value = 0, start = 0; value < count.length; value++) {
      const own = count[value];
      count[value] = start;
      start += own;
    }
    for (const node of from) to[count[(keys[step * node + offset] >>> shift) & 0xffff]++] = node;
    [from, to] = [to, from];
  }
  if (from !== nodes) nodes.set(from);
}

function refuseTwice(nodes: readonly number[]): void {
  const seen = new Set<number>();
  for (const node of nodes) {
    if (seen.has(node)) throw new Error(`node ${node} is named twice`);
    seen.add(node);
  }
}
