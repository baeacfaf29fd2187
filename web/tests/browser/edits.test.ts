import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { drawn, fileOf, firstPicture, open, set, shared, type Opened } from "./browser.ts";

let browser: Browser;
let context: BrowserContext;
let opened: Opened;
let page: Page;
beforeAll(async () => {
  browser = await shared();
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", acceptDownloads: true });
  opened = await open(context, "nouns.html");
  page = opened.page;
  await page.locator("details.drawer > summary").click();
});
afterAll(() => browser.close());

interface Tree {
  parent: number[];
  height: number[];
}

/** Parents and heights of the tree that the page shows. */
const shownTree = (): Promise<Tree> => page.evaluate(() => {
  const { parent, height } = hyperclade.store.shown.tree;
  return { parent: [...parent], height: [...height] };
});

const edits = (): Promise<string[]> => page.evaluate(() => hyperclade.editor.edits.map(({ op }) => op));
const button = (name: string | RegExp) => page.locator(".drawer").getByRole("button", { name, exact: true });

async function press(name: string): Promise<void> {
  await button(name).click();
  await drawn(page);
}

/** Selects one node and chooses others, all by ids as written. */
async function take(selected: number, chosen: number[] = []): Promise<void> {
  const [node, ...others] = await page.evaluate((ids) => ids.map((id) => hyperclade.store.shown.node(id) ?? -1), [selected, ...chosen]);
  expect([node, ...others]).not.toContain(-1);
  await set(page, { selected: node, chosen: others });
}

/** Ids of children, largest first, of a node given by its id. */
const below = (id: number): Promise<number[]> => page.evaluate((own) => {
  const { shown } = hyperclade.store;
  const { tree } = shown;
  return [...tree.children(shown.node(own)!)].sort((a, b) => tree.size[b] - tree.size[a] || a - b).map((node) => shown.id(node));
}, id);

/** Runs `hyperclade`; gives what it wrote to the error stream where it fails. */
async function run(...args: string[]): Promise<string | null> {
  try {
    await promisify(execFile)(inject("python"), ["-m", "hyperclade.cli.main", ...args]);
    return null;
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

function written(folder: string): Tree {
  const { parent, height } = JSON.parse(readFileSync(fileOf(`${folder}/tree.json`), "utf8")) as Tree;
  return { parent, height };
}

test("edits by buttons and keys, with undo and redo", async () => {
  const root = await page.evaluate(() => hyperclade.store.shown.tree.root);
  const [one, two] = await below(root);
  const [oneA, oneB] = await below(one);
  const [twoA, twoB] = await below(two);

  // Rename, all by keys.
  await take(two);
  await page.locator(".panel button.rename").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("Growing things <b>");
  await page.keyboard.press("Enter");
  await drawn(page);
  expect(await page.locator(".panel h2").textContent()).toBe("Growing things <b>");
  expect(await page.locator(".panel h2 b").count()).toBe(0);

  // Dissolve, then merge what was set free with another.
  await take(one);
  await press("Dissolve");
  await take(oneA, [oneB]);
  const children = await below(root);
  expect(children).toContain(oneA);
  if (children.length > 2) await press("Merge chosen");
  expect(await edits()).toEqual(["rename", "dissolve", "merge"]);

  await take(two, [(await below(twoA))[0]]);
  await press("Split off chosen");
  await take(twoB);
  await press("Move to …");
  await take(oneB, [twoB]);
  await press("Move chosen here");
  const [leafA, leafB] = await page.evaluate(() => [...hyperclade.store.shown.tree.leafOrder.subarray(10, 12)]);
  await take(leafA, [leafA, leafB]);
  await press("Drop");
  await take(root, [oneA, (await below(root)).at(-1)!]);
  await press("Keep only");
  expect(await edits()).toEqual(["rename", "dissolve", "merge", "split", "move", "drop", "keep"]);

  const last = await shownTree();
  await page.keyboard.press("Control+z");
  await drawn(page);
  expect((await edits()).length).toBe(6);
  expect((await shownTree()).parent.length).toBeGreaterThan(last.parent.length);
  await press("Undo");
  await press("Redo");
  await page.keyboard.press("Control+Shift+z");
  await drawn(page);
  expect(await shownTree()).toEqual(last);
  await press("Undo all");
  expect(await shownTree()).toEqual(written("nouns"));
  await press("Undo");
  expect(await shownTree()).toEqual(last);
});

test("edits are there after the page is loaded anew", async () => {
  const before = await shownTree();
  await page.reload({ waitUntil: "commit" });
  await firstPicture(page);
  expect(await shownTree()).toEqual(before);
  expect(await page.locator(".panel .status").textContent()).toContain("7 edits of an earlier visit");
  expect(await page.locator(".drawer summary").textContent()).toContain("7 edits");
});

test("the file of edits makes the same tree in Python", async () => {
  await page.locator("details.drawer > summary").click();
  const [download] = await Promise.all([page.waitForEvent("download"), button("Save edits").click()]);
  expect(download.suggestedFilename()).toBe("edits.json");
  await download.saveAs(fileOf("edits.json"));
  const whole = JSON.parse(readFileSync(fileOf("edits.json"), "utf8")) as object;
  writeFileSync(fileOf("none.json"), JSON.stringify({ ...whole, edits: [] }));
  const failures = await Promise.all([
    run("apply", fileOf("nouns"), fileOf("edits.json"), "--out", fileOf("edited")),
    run("apply", fileOf("nouns"), fileOf("none.json"), "--out", fileOf("unedited")),
  ]);
  expect(failures).toEqual([null, null]);
  expect(await shownTree()).toEqual(written("edited"));
  expect(readFileSync(fileOf("unedited/tree.json"))).toEqual(readFileSync(fileOf("nouns/tree.json")));
});

test("the file opens again; one of another tree, or that is none, is refused with a line", async () => {
  const before = await shownTree();
  await press("Undo all");
  const status = page.locator(".panel .status");
  await page.locator("#panel-file").setInputFiles(fileOf("edits.json"));
  await expect.poll(() => status.textContent()).toBe("7 edits of edits.json done in place of those before.");
  await drawn(page);
  expect(await shownTree()).toEqual(before);
  const whole = JSON.parse(readFileSync(fileOf("edits.json"), "utf8")) as Record<string, unknown>;
  const refused: [string, unknown, RegExp][] = [
    ["tree", { ...whole, tree: "0123456789abcdef" }, /other\.json: the edits are for another tree: its fingerprint/],
    ["size", { ...whole, leaves: 3, nodes: 5 }, /other\.json: the edits are for another tree: one of 3 samples/],
    ["kind", { ...whole, format: "what" }, /other\.json: these are no edits/],
    ["node", { ...whole, edits: [{ op: "dissolve", node: 10 ** 6 }] }, /other\.json: edit 1 \(dissolve\): there is no node 1000000/],
  ];
  for (const [, content, line] of refused) {
    await page.locator("#panel-file").setInputFiles({ name: "other.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(content)) });
    await expect.poll(() => status.textContent()).toMatch(line);
  }
  await page.locator("#panel-file").setInputFiles({ name: "no.json", mimeType: "application/json", buffer: Buffer.from("PK\x03\x04") });
  await expect.poll(() => status.textContent()).toMatch(/no\.json: this file is not JSON/);
  expect(await shownTree()).toEqual(before);
});

test("without troubles", () => {
  expect(opened.troubles).toEqual([]);
  expect(opened.requests).toEqual([]);
});
