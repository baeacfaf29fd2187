import { describe, expect, it } from "vitest";
import { Editor, type Keeper } from "../src/page/editor.ts";
import { storeOf } from "./page-fixture.ts";

globalThis.requestAnimationFrame = (): number => 0; // nothing is drawn here

const PARENT = [5, 5, 6, 6, 6, 7, 7, -1]; // 0 1 | 2 3 4

class Memory implements Keeper {
  readonly kept = new Map<string, string>();
  getItem(key: string): string | null {
    return this.kept.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.kept.set(key, value);
  }
  removeItem(key: string): void {
    this.kept.delete(key);
  }
}

describe("editor", () => {
  it("does, undoes and does again", () => {
    const store = storeOf(PARENT, 5);
    const editor = new Editor(store, null);
    let told = 0;
    editor.onChange(() => told++);
    expect(editor.next).toBe(8);
    expect(editor.do({ op: "merge", nodes: [2, 3], name: "two" })).toBeNull();
    expect(editor.next).toBe(9);
    const made = store.shown.node(8) as number;
    expect(store.shown.name(made)).toBe("two");
    expect(Array.from(store.shown.tree.leaves(made))).toEqual([2, 3]);
    editor.do({ op: "drop", nodes: [0] });
    expect(store.shown.tree.n).toBe(4);
    expect(store.shown.node(5)).toBeNull(); // its only child took its place
    editor.undo();
    expect(store.shown.tree.n).toBe(5);
    editor.undo();
    expect(store.shown.revision.origin).toBeNull();
    expect(editor.canUndo).toBe(false);
    editor.redo();
    editor.redo();
    expect(editor.canRedo).toBe(false);
    expect(store.shown.tree.n).toBe(4);
    editor.reset();
    expect(store.shown.tree).toBe(store.shown.data.tree);
    editor.undo();
    expect(editor.edits).toHaveLength(2);
    expect(told).toBe(8);
  });

  it("leaves all as it was after an edit that cannot be", () => {
    const store = storeOf(PARENT, 5);
    const editor = new Editor(store, null);
    editor.do({ op: "dissolve", node: 5 });
    const before = store.shown;
    expect(editor.do({ op: "drop", nodes: [7] })).toMatch(/no leaf would be left/);
    expect(editor.do({ op: "drop", nodes: [0] }, { op: "dissolve", node: 5 })).toMatch(/edit 3 \(dissolve\): node 5 is gone/);
    expect(store.shown).toBe(before);
    expect(editor.edits).toHaveLength(1);
    expect(editor.do({ op: "drop", nodes: [0] })).toBeNull();
    expect(store.shown.tree.n).toBe(4);
  });

  it("renames without a new tree", () => {
    const store = storeOf(PARENT, 5);
    const editor = new Editor(store, null);
    const before = store.shown;
    editor.do({ op: "rename", node: 5, name: "pets" });
    editor.do({ op: "rename", node: 0, name: "" });
    expect(store.shown).toBe(before);
    expect(store.shown.name(5)).toBe("pets");
    expect(store.shown.title(0)).toBe("#0");
    editor.undo();
    editor.undo();
    expect(store.shown.name(5)).toBe("");
  });

  it("keeps edits, and does them again for the same tree", () => {
    const keeper = new Memory();
    new Editor(storeOf(PARENT, 5), keeper).do({ op: "dissolve", node: 6 });
    const store = storeOf(PARENT, 5);
    const editor = new Editor(store, keeper);
    expect(editor.note).toMatch(/1 edit of an earlier visit/);
    expect(store.shown.tree.m).toBe(7);
    editor.undo();
    expect(keeper.kept.size).toBe(0);
  });

  it("says when nothing can be kept", () => {
    const full: Keeper = {
      getItem: () => null,
      setItem: () => {
        throw new Error("quota");
      },
      removeItem: () => undefined,
    };
    const editor = new Editor(storeOf(PARENT, 5), full);
    expect(editor.note).toBe("");
    expect(editor.do({ op: "dissolve", node: 6 })).toBeNull();
    expect(editor.note).toMatch(/save them as a file/);
    expect(new Editor(storeOf(PARENT, 5), null).note).toMatch(/save them as a file/);
  });

  it("reads its own files and refuses others", () => {
    const editor = new Editor(storeOf(PARENT, 5), null);
    editor.do({ op: "merge", nodes: [2, 4] }, { op: "rename", node: 8, name: "</script>\u202e" });
    const text = editor.json();
    expect(JSON.parse(text)).toMatchObject({ format: "hyperclade-edits", version: 1, tree: "f00d", leaves: 5, nodes: 8, cut: 2 });
    const store = storeOf(PARENT, 5);
    store.set({ k: 5 });
    const other = new Editor(store, null);
    expect(other.load(text)).toBeNull();
    expect(other.edits).toEqual(editor.edits);
    expect(store.state.k).toBe(2);
    other.undo();
    expect(other.edits).toEqual([]);
    const wrong = (patch: Record<string, unknown>): string | null => other.load(JSON.stringify({ ...JSON.parse(text), ...patch }));
    expect(other.load("{")).toMatch(/not JSON/);
    expect(other.load("[]")).toMatch(/no edits/);
    expect(wrong({ version: 2 })).toMatch(/version 2/);
    expect(wrong({ tree: "beef" })).toMatch(/another tree/);
    expect(wrong({ leaves: 6 })).toMatch(/another tree: one of 6 samples/);
    expect(wrong({ edits: {} })).toMatch(/must be a list/);
    expect(wrong({ cut: 0 })).toMatch(/number of clusters/);
    expect(wrong({ edits: [{ op: "rename", node: 5 }] })).toMatch(/edit 1 \(rename\) has no "name"/);
    expect(wrong({ edits: [{ op: "toString" }] })).toMatch(/no edit is called/);
    expect(wrong({ edits: [{ op: "dissolve", node: "5" }] })).toMatch(/a node's id/);
    expect(wrong({ edits: [{ op: "dissolve", node: 5, x: 1 }] })).toMatch(/not known/);
    expect(wrong({ edits: [{ op: "drop", nodes: [1.5] }] })).toMatch(/a list of ids/);
    expect(wrong({ edits: [{ op: "dissolve", node: 99 }] })).toMatch(/edit 1 \(dissolve\): there is no node 99/);
    expect(other.edits).toEqual([]);
  });
});
