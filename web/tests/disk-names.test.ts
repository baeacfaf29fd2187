import { expect, it } from "vitest";
import type { Shown } from "../src/page/shown.ts";
import { Names } from "../src/views/disk-names.ts";

const LEAVES = ["cat", undefined, "<b>\u202Edog</b>", "🎉".repeat(100)];

function namesOf(leaves: (string | undefined)[]): Names {
  const shown = {
    tree: { isLeaf: (node: number) => node < leaves.length, size: [1, 1, 1, 1, 12_345] },
    name: (node: number) => leaves[node] ?? "",
    leafName: (node: number) => leaves[node],
    title: (node: number) => `title of ${node}`,
  };
  return new Names(() => shown as unknown as Shown, (text) => 10 * Array.from(text).length);
}

it("names leaves as plain text, inner nodes without a name by their size", () => {
  const names = namesOf(LEAVES);
  expect(names.text(0)).toBe("cat");
  expect(names.text(2)).toBe("<b>dog</b>");
  expect(names.text(4)).toBe("12,345");
  expect([names.unnamed(0), names.unnamed(4)]).toEqual([false, true]);
});

it("asks once for a leaf whose name is not read", () => {
  const names = namesOf(LEAVES);
  expect(names.text(1)).toBe("");
  expect(names.text(1)).toBe("");
  expect(names.takeMissing()).toEqual([1]);
  expect(names.takeMissing()).toEqual([]);
});

it("cuts long names between signs", () => {
  const text = namesOf(LEAVES).text(3);
  expect(text).not.toMatch(/\p{Cs}/u);
  expect(Array.from(text)).toHaveLength(23);
  expect(text.endsWith("…")).toBe(true);
});
