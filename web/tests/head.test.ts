import { expect, test } from "vitest";
import { readHead } from "../src/page/head.ts";

const block = (length: number): object => ({ id: "b0", dtype: "int32", length, filter: "none" });
const tree = { title: "", n: 2, m: 3, parent: block(3), height: block(1), branches: [], layers: [] };
const head = { format: "hyperclade-page", version: 1, title: "t", trees: [tree], columns: [] };

test("a whole head is read", () => expect(readHead(JSON.stringify(head)).trees[0].n).toBe(2));

test.each([
  ["", /not complete/],
  [null, /not complete/],
  ["{", /damaged/],
  ["null", /damaged/],
  ["[]", /damaged/],
  ['{"format":"other"}', /another kind/],
  [JSON.stringify({ ...head, version: 2 }), /version 2/],
  [JSON.stringify({ ...head, trees: [] }), /changed/],
  [JSON.stringify({ ...head, trees: [null] }), /changed/],
  [JSON.stringify({ ...head, trees: [{ ...tree, n: 9 }] }), /changed/],
  [JSON.stringify({ ...head, trees: [{ ...tree, n: "2" }] }), /changed/],
  [JSON.stringify({ ...head, columns: undefined }), /changed/],
])("%s is refused with a clear line", (text, reason) => expect(() => readHead(text)).toThrow(reason));
