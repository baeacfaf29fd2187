import type { Edit } from "../core/edits.ts";
import type { TreeHead } from "./head.ts";

const FORMAT = "hyperclade-edits";
const VERSION = 1;
const FIELDS: Record<Edit["op"], { needed: string[]; may: string[] }> = {
  rename: { needed: ["node", "name"], may: [] },
  merge: { needed: ["nodes"], may: ["name"] },
  dissolve: { needed: ["node"], may: [] },
  move: { needed: ["node", "to"], may: [] },
  split: { needed: ["node", "nodes"], may: ["name"] },
  drop: { needed: ["nodes"], may: [] },
  keep: { needed: ["nodes"], may: [] },
};

/** Edits as the file that `hyperclade apply` takes. */
export function writeEdits(tree: TreeHead, cut: number | null, edits: readonly Edit[]): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, tree: tree.fingerprint, leaves: tree.n, nodes: tree.m, cut, edits }, null, 1)}\n`;
}

/** What a file of edits holds. */
export interface EditsFile {
  edits: Edit[];
  /** Clusters of the cut that was shown when it was saved. */
  cut: number | null;
}

/** Edits of a file for a tree; an Error with a clear line if it is none, or for another tree. */
export function readEdits(text: string, tree: TreeHead): EditsFile {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error("this file is not JSON, so it holds no edits; choose one that was saved from this page");
  }
  if (!isObject(content) || content.format !== FORMAT) throw new Error(`these are no edits: "format" must be "${FORMAT}"`);
  if (content.version !== VERSION) throw new Error(`edits of version ${short(content.version)}; this page reads version ${VERSION}`);
  if (content.leaves !== tree.n || content.nodes !== tree.m) {
    throw new Error(
      `the edits are for another tree: one of ${short(content.leaves)} samples and ${short(content.nodes)} nodes; this one has ${tree.n} and ${tree.m}`,
    );
  }
  if (content.tree !== tree.fingerprint) {
    throw new Error(`the edits are for another tree: its fingerprint is ${short(content.tree)}, that of this one "${tree.fingerprint}"`);
  }
  if (!Array.isArray(content.edits)) throw new Error(`"edits" must be a list, got ${short(content.edits)}`);
  const cut = content.cut ?? null;
  if (cut !== null && !(Number.isSafeInteger(cut) && (cut as number) >= 1)) throw new Error(`"cut" must be a number of clusters, got ${short(cut)}`);
  return { edits: content.edits.map((edit, at) => checked(edit, at + 1)), cut: cut as number | null };
}

function checked(edit: unknown, number: number): Edit {
  if (!isObject(edit)) throw new Error(`edit ${number} must be an object, got ${short(edit)}`);
  const { op } = edit;
  if (typeof op !== "string" || !Object.hasOwn(FIELDS, op)) {
    throw new Error(`edit ${number}: no edit is called ${short(op)}; there are ${Object.keys(FIELDS).join(", ")}`);
  }
  const { needed, may } = FIELDS[op as Edit["op"]];
  const found: Record<string, unknown> = { op };
  for (const field of needed) if (!Object.hasOwn(edit, field)) throw new Error(`edit ${number} (${op}) has no "${field}"`);
  for (const [field, value] of Object.entries(edit)) {
    if (field === "op") continue;
    if (![...needed, ...may].includes(field)) throw new Error(`edit ${number} (${op}) has a field ${short(field)}, which is not known`);
    let wanted = "";
    if (field === "name") {
      if (typeof value !== "string") wanted = "a text";
      else found[field] = value.replace(/\p{Cs}/gu, "\uFFFD");
    } else if (field === "nodes") {
      if (!Array.isArray(value) || value.length === 0 || !value.every(Number.isSafeInteger)) wanted = "a list of ids of nodes, one at least";
      else found[field] = value;
    } else if (!Number.isSafeInteger(value)) wanted = "a node's id";
    else found[field] = value;
    if (wanted !== "") throw new Error(`edit ${number} (${op}): "${field}" must be ${wanted}, got ${short(value)}`);
  }
  return found as Edit;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function short(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`;
}
