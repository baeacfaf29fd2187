import type { Strings } from "../core/bytes.ts";
import { Cuts } from "../core/cut.ts";
import { SectorLayout } from "../core/layout.ts";
import type { Hierarchy } from "../core/tree.ts";
import type { PageData, TreeData } from "./data.ts";

const SEEN = /[^\p{C}\p{Z}]/u;

/** What edits have made of a tree: the new tree, and where its leaves and nodes come from. */
export interface Revision {
  tree: Hierarchy;
  /** Leaf as written of each leaf, (n'); null: the same. */
  leaves: Int32Array | null;
  /** Id in the space of edits (ids as written, then new ones) of each node, (m'); null: the same. */
  origin: Int32Array | null;
  /** Names that edits gave or took (""), by id in the space of edits. */
  names: ReadonlyMap<number, string>;
}

/**
 * The tree as it is shown, after edits, with all that is known of its nodes and leaves. Views speak of nodes by
 * their ids in `tree`; ids that outlast edits (in the URL, in the edits themselves) are those of `origin`.
 */
export class Shown {
  readonly tree: Hierarchy;
  readonly cuts: Cuts;
  readonly layout: SectorLayout;
  /** Disjoint main branches in depth-first order, which have colours of their own. */
  readonly branches: readonly number[];
  readonly layers: readonly { title: string; k: number }[];
  #current: Int32Array | undefined;
  #names: ReadonlyMap<number, string>;

  constructor(
    readonly page: PageData,
    readonly data: TreeData,
    readonly revision: Revision,
  ) {
    this.tree = revision.tree;
    this.#names = revision.names;
    this.cuts = new Cuts(this.tree);
    this.branches = data.head.branches
      .map((node) => this.node(node))
      .filter((node): node is number => node !== null)
      .sort((a, b) => this.tree.start[a] - this.tree.start[b]);
    this.layout = new SectorLayout(this.tree, this.branches);
    this.layers = data.head.layers.filter(({ k }) => k <= this.tree.n);
  }

  /** Id in the space of edits of a node that is shown. */
  id(node: number): number {
    return this.revision.origin === null ? node : this.revision.origin[node];
  }

  /** The shown node of an id in the space of edits, null if it is gone. */
  node(id: number): number | null {
    const { origin } = this.revision;
    if (origin === null) return id >= 0 && id < this.tree.m ? id : null;
    if (this.#current === undefined) {
      const last = origin.reduce((most, own) => Math.max(most, own), 0);
      this.#current = new Int32Array(last + 1).fill(-1);
      for (let node = 0; node < origin.length; node++) this.#current[origin[node]] = node;
    }
    const node = this.#current[id] ?? -1;
    return node < 0 ? null : node;
  }

  /** Names that edits gave or took (""), by id in the space of edits; another map after each change. */
  get given(): ReadonlyMap<number, string> {
    return this.#names;
  }

  /** Other names by edits, for the same tree. */
  rename(names: ReadonlyMap<number, string>): void {
    this.#names = names;
  }

  /** The leaf as written of a shown leaf: its place in ids, names, columns and media. */
  sample(leaf: number): number {
    return this.revision.leaves === null ? leaf : this.revision.leaves[leaf];
  }

  /** The shown leaf of a leaf as written, −1 if it is gone. */
  leafOf(sample: number): number {
    return this.revision.leaves === null ? sample : (this.node(sample) ?? -1);
  }

  /** The name of a node, "" where it has none (yet): leaves have theirs once their block is read. */
  name(node: number): string {
    const id = this.id(node);
    const given = this.#names.get(id);
    if (given !== undefined) return given;
    if (this.tree.isLeaf(node)) return this.leafName(node) ?? "";
    return id < this.data.tree.m ? this.data.name(id) : "";
  }

  /** The name of a leaf as written, else its id, else its number; undefined while its block is being read. */
  leafName(leaf: number): string | undefined {
    const sample = this.sample(leaf);
    return nameOf(this.page.names, sample) ?? (this.page.names === null ? this.leafId(leaf) : undefined);
  }

  leafId(leaf: number): string | undefined {
    const sample = this.sample(leaf);
    return this.page.ids === null ? `#${sample}` : this.page.ids.at(sample);
  }

  /** What to call a node in any case: its name, or what stands for it. */
  title(node: number): string {
    const name = this.name(node);
    if (SEEN.test(name)) return name;
    if (this.tree.isLeaf(node)) {
      if (this.leafName(node) === undefined) return "…";
      const id = this.leafId(node) ?? "";
      return SEEN.test(id) ? id : "(no name)";
    }
    const { n, size } = this.tree;
    return `${size[node] === n ? "all " : ""}${size[node].toLocaleString("en")} samples`;
  }

  /** Shown leaves that stand for a node. */
  typical(node: number): Int32Array {
    return this.#members(node, (id) => this.data.typical(id));
  }

  /** Shown leaves of a node that nearly belong elsewhere. */
  borderline(node: number): Int32Array {
    return this.#members(node, (id) => this.data.borderline(id));
  }

  /** Share of the cost that a node pays by itself; null where unknown, or edits have changed it. */
  cost(node: number): number | null {
    return this.revision.origin === null ? this.data.cost(node) : null;
  }

  /** Reads the blocks of names (or ids) of some leaves; false if all were there. */
  async load(leaves: Iterable<number>): Promise<boolean> {
    const strings = this.page.names ?? this.page.ids;
    if (strings === null) return false;
    const missing = Array.from(leaves, (leaf) => this.sample(leaf)).filter((sample) => strings.at(sample) === undefined);
    await Promise.all(missing.map((sample) => strings.load(sample)));
    return missing.length > 0;
  }

  #members(node: number, told: (id: number) => Int32Array): Int32Array {
    const id = this.id(node);
    if (this.tree.isLeaf(node) || id >= this.data.tree.m) return new Int32Array(0);
    return told(id)
      .map((leaf) => this.node(leaf) ?? -1)
      .filter((leaf) => leaf >= 0 && this.tree.holds(node, leaf));
  }
}

function nameOf(names: Strings | null, sample: number): string | undefined {
  return names === null ? undefined : names.at(sample);
}
