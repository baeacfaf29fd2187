import { Blocks, Strings, type Block } from "../core/bytes.ts";
import { Hierarchy } from "../core/tree.ts";
import type { ColumnHead, Head, TreeHead } from "./head.ts";

/** A column of the samples to colour by. */
export type Column =
  | { title: string; kind: "category"; values: string[]; codes: Int32Array }
  | { title: string; kind: "number"; codes: Float32Array };

/** Mean rows of disjoint nodes, for similarities between any two groups above them. */
export interface Parts {
  nodes: Int32Array;
  rows: Float32Array;
  dim: number;
}

/** A tree of the page as it was written, with what is told of its nodes. */
export class TreeData {
  constructor(
    readonly head: TreeHead,
    readonly tree: Hierarchy,
    private readonly told: Int32Array,
    private readonly names: readonly string[],
    private readonly typicalRows: Int32Array | null,
    private readonly borderlineRows: Int32Array | null,
    private readonly costs: Float32Array | null,
    private readonly matches: Float32Array | null,
    readonly parts: Parts | null,
  ) {}

  /** Name of an inner node, "" where it has none. */
  name(node: number): string {
    const at = place(this.told, node);
    return at < 0 ? "" : (this.names[at] ?? "");
  }

  /** Inner nodes with a name, and their names. */
  *named(): Generator<[number, string]> {
    for (let at = 0; at < this.told.length; at++) if (this.names[at]) yield [this.told[at], this.names[at]];
  }

  /** Leaves that stand for a node, the most typical first; empty where none are told. */
  typical(node: number): Int32Array {
    return this.#row(this.typicalRows, this.head.typical?.width ?? 0, node);
  }

  /** Leaves of a node that nearly belong elsewhere, the most doubtful first. */
  borderline(node: number): Int32Array {
    return this.#row(this.borderlineRows, this.head.borderline?.width ?? 0, node);
  }

  /** Share of the Dasgupta cost that a node pays by itself, null where unknown. */
  cost(node: number): number | null {
    return this.costs === null || node < this.tree.n ? null : this.costs[node - this.tree.n];
  }

  /** Jaccard index of an inner node's best match in the other tree, null where unknown. */
  match(node: number): number | null {
    const jaccard = this.matches?.[node - this.tree.n] ?? NaN;
    return Number.isNaN(jaccard) ? null : jaccard;
  }

  #row(rows: Int32Array | null, width: number, node: number): Int32Array {
    const at = place(this.told, node);
    if (rows === null || at < 0) return new Int32Array(0);
    return rows.subarray(at * width, (at + 1) * width).filter((leaf) => leaf >= 0);
  }
}

/** Thumbnails and sounds, decoded when they are asked for and kept as long as the page is open. */
export class Media {
  readonly #urls = new Map<string, string | null>();

  constructor(
    private readonly blocks: Blocks,
    private readonly images: ReadonlySet<number>,
    private readonly sounds: ReadonlySet<number>,
  ) {}

  hasImage(leaf: number): boolean {
    return this.images.has(leaf);
  }

  hasSound(leaf: number): boolean {
    return this.sounds.has(leaf);
  }

  get anyImage(): boolean {
    return this.images.size > 0;
  }

  get any(): boolean {
    return this.images.size > 0 || this.sounds.size > 0;
  }

  /** URL of a leaf's thumbnail, null if it has none. */
  image(leaf: number): string | null {
    return this.hasImage(leaf) ? this.#url(`hc-i${leaf}`) : null;
  }

  /** URL of a leaf's sound, null if it has none. */
  sound(leaf: number): string | null {
    return this.hasSound(leaf) ? this.#url(`hc-s${leaf}`) : null;
  }

  #url(id: string): string | null {
    let url = this.#urls.get(id);
    if (url === undefined) {
      const file = this.blocks.file(id);
      url = file === null ? null : URL.createObjectURL(file);
      this.#urls.set(id, url);
    }
    return url;
  }
}

/** All that the page holds. */
export interface PageData {
  head: Head;
  trees: TreeData[];
  ids: Strings | null;
  names: Strings | null;
  columns: Column[];
  media: Media;
}

/** Reads what the first picture needs; names, labels and media come later. */
export async function readPage(head: Head, root: Document): Promise<PageData> {
  const blocks = new Blocks((id) => root.getElementById(`hc-${id}`) ?? root.getElementById(id));
  const trees = await Promise.all(head.trees.map((own) => readTree(own, blocks)));
  const strings = (own: Head["ids"]): Strings | null => (own === null ? null : new Strings(own, blocks));
  const leavesOf = async (block: Block | null): Promise<ReadonlySet<number>> =>
    new Set(block === null ? [] : await blocks.int32(block));
  const columns = await Promise.all(head.columns.map((own) => readColumn(own, blocks)));
  const media = new Media(blocks, await leavesOf(head.images), await leavesOf(head.sounds));
  return { head, trees, ids: strings(head.ids), names: strings(head.names), columns, media };
}

async function readTree(head: TreeHead, blocks: Blocks): Promise<TreeData> {
  const optional = async (block: Block | null | undefined): Promise<Int32Array | null> => (block ? await blocks.int32(block) : null);
  const parent = await blocks.int32(head.parent);
  const inner = (await blocks.numbers(head.height)) as Float64Array;
  checkParents(parent, head);
  const height = new Float64Array(head.m);
  height.set(inner, head.n);
  const tree = new Hierarchy(parent, height, head.n, await optional(head.splits));
  const told = (await optional(head.told)) ?? new Int32Array(0);
  const names: string[] = [];
  if (head.names !== null) for await (const [, block] of new Strings(head.names, blocks).all()) names.push(...block);
  const floats = async (block: Block | null): Promise<Float32Array | null> =>
    block === null ? null : ((await blocks.numbers(block)) as Float32Array);
  const parts = head.parts === null ? null : {
    nodes: await blocks.int32(head.parts.nodes),
    rows: (await blocks.numbers(head.parts.rows)) as Float32Array,
    dim: head.parts.dim,
  };
  return new TreeData(head, tree, told, names, await optional(head.typical?.block), await optional(head.borderline?.block), await floats(head.cost), await floats(head.match), parts);
}

/** A tree that breaks the numbering would send every walk astray. */
function checkParents(parent: Int32Array, { n, m }: TreeHead): void {
  let sound = parent.length === m && parent[m - 1] === -1;
  for (let v = 0; v < m - 1; v++) sound &&= parent[v] > v && parent[v] >= n && parent[v] < m;
  if (!sound) throw new Error("this page's tree is damaged: its parents are not those of a tree");
}

async function readColumn(head: ColumnHead, blocks: Blocks): Promise<Column> {
  if (head.kind === "number") return { title: head.title, kind: "number", codes: (await blocks.numbers(head.codes)) as Float32Array };
  const values: string[] = [];
  for await (const [, block] of new Strings(head.values, blocks).all()) values.push(...block);
  return { title: head.title, kind: "category", values, codes: await blocks.int32(head.codes) };
}

/** Place of a number in an ascending array, −1 if it is not there. */
function place(ascending: Int32Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] === value) return middle;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
