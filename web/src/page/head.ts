import type { Block, StringsHead } from "../core/bytes.ts";

/** What the page says of its data, in the element hc-head. */
export interface Head {
  format: "hyperclade-page";
  version: 1;
  title: string;
  subtitle: string;
  facts: [string, string][];
  trees: TreeHead[];
  ids: StringsHead | null;
  names: StringsHead | null;
  columns: ColumnHead[];
  labels: boolean;
  images: Block | null;
  sounds: Block | null;
  /** Of two trees: mean over nodes of the Jaccard index of their best matches. */
  agreement: { mean: number } | null;
}

export interface TreeHead {
  title: string;
  n: number;
  m: number;
  fingerprint: string;
  parent: Block;
  height: Block;
  splits: Block | null;
  branches: number[];
  layers: { title: string; k: number }[];
  told: Block | null;
  names: StringsHead | null;
  typical: RowsHead | null;
  borderline: RowsHead | null;
  cost: Block | null;
  /** Of two trees: Jaccard index of the best match in the other of each inner node, NaN where it is not known. */
  match: Block | null;
  parts: { nodes: Block; rows: Block; dim: number } | null;
}

export interface RowsHead {
  width: number;
  block: Block;
}

export type ColumnHead =
  | { title: string; kind: "category"; values: StringsHead; codes: Block }
  | { title: string; kind: "number"; codes: Block };

/** The head of a page; refuses another format or version, and what is not whole, with a clear line. */
export function readHead(text: string | null | undefined): Head {
  if (!text) throw new Error("this page holds no hierarchy: the file is a template, or not complete");
  const head = parsed(text);
  if (head?.format !== "hyperclade-page") throw new Error("this page's head is damaged, or of another kind of page");
  if (head.version !== 1) throw new Error(`this page's data is of version ${String(head.version)}; its program reads version 1`);
  const trees = head.trees;
  const whole = Array.isArray(trees) && [1, 2].includes(trees.length) && trees.every(isWhole) && Array.isArray(head.columns);
  if (!whole) throw new Error("this page's head has been changed: it does not describe a tree");
  return head;
}

function parsed(text: string): Head | null {
  try {
    return JSON.parse(text) as Head | null;
  } catch {
    return null;
  }
}

function isWhole(tree: TreeHead | null): boolean {
  if (tree === null || typeof tree !== "object") return false;
  const { n, m, parent, height, branches, layers } = tree;
  return (
    Number.isInteger(n) && Number.isInteger(m) && n >= 1 && m >= n && parent?.length === m && height?.length === m - n &&
    Array.isArray(branches) && Array.isArray(layers)
  );
}
