import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, fileOf, firstPicture, goTo, open, set, shared, state, type Opened } from "./browser.ts";

let browser: Browser;
let opened: Opened;
let page: Page;
beforeAll(async () => {
  browser = await shared();
  opened = await open(browser, "nouns.html", { reducedMotion: "reduce" });
  page = opened.page;
});
afterAll(() => browser.close());

/** Presses an entry of the export menu; gives the path of the file that is saved. */
async function save(from: Page, entry: string): Promise<string> {
  await from.getByRole("button", { name: "Export" }).click();
  const [download] = await Promise.all([from.waitForEvent("download"), from.getByRole("menuitem", { name: entry }).click()]);
  const path = fileOf(download.suggestedFilename());
  await download.saveAs(path);
  return path;
}

/** Rows of a CSV file after RFC 4180. */
function rowsOf(text: string): string[][] {
  const rows: string[][] = [[]];
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|$)/gy;
  while (cell.lastIndex < text.length) {
    const [, own, end] = cell.exec(text)!;
    rows.at(-1)!.push(own.startsWith('"') ? own.slice(1, -1).replaceAll('""', '"') : own);
    if (end !== ",") rows.push([]);
  }
  return rows.slice(0, -1);
}

test("the disk as SVG opens again with as many nodes as are drawn", async () => {
  const drawnNodes = await page.evaluate(() => hyperclade.disk.nodesDrawn);
  const path = await save(page, "Disk as SVG");
  const second = await browser.newPage();
  await second.goto(`file://${path}`);
  const found = await second.evaluate(() => ({
    root: document.documentElement.nodeName,
    nodes: document.querySelectorAll(".node").length,
    texts: document.querySelectorAll("text").length,
    wrong: document.querySelectorAll("parsererror, script, image, style").length,
  }));
  expect(found).toMatchObject({ root: "svg", nodes: drawnNodes, wrong: 0 });
  expect(found.texts).toBeGreaterThan(5);
  await second.close();
});

test("every other view as SVG is well-formed", async () => {
  const titles = ["Icicle", "Treemap", "Similarity"];
  for (const [at, title] of titles.entries()) {
    await page.keyboard.press(String(at + 1));
    await drawn(page);
    const text = readFileSync(await save(page, `${title} as SVG`), "utf8");
    const wrong = await page.evaluate((svg) => {
      const read = new DOMParser().parseFromString(svg, "image/svg+xml");
      return [read.documentElement.nodeName, read.querySelectorAll("parsererror").length, read.querySelectorAll("*").length > 20];
    }, text);
    expect(wrong).toEqual(["svg", 0, true]);
  }
  await page.keyboard.press("1");
  await drawn(page);
});

test("the disk as PNG is twice as large as on screen", async () => {
  const box = (await page.locator(".disk canvas").boundingBox())!;
  const bytes = readFileSync(await save(page, "Disk as PNG"));
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]));
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([2 * Math.round(box.width), 2 * Math.round(box.height)]);
  expect(bytes.length).toBeGreaterThan(10_000);
});

test("a selection as CSV has a row for each of its samples", async () => {
  const { node, ids } = await page.evaluate(() => {
    const { tree } = hyperclade.store.shown;
    let own = tree.root;
    while (tree.size[own] > 50) own = tree.children(own).reduce((a, b) => (tree.size[b] > tree.size[a] ? b : a));
    return { node: own, ids: [...tree.leaves(own)].concat(tree.root % 7).map(String) };
  });
  await set(page, { selected: node, chosen: [Number(ids.at(-1))] });
  const [head, ...rows] = rowsOf(readFileSync(await save(page, "Selection as CSV"), "utf8"));
  expect(head.slice(0, 3)).toEqual(["id", "name", "path"]);
  expect(rows.every((row) => row.length === head.length)).toBe(true);
  const wanted = await page.evaluate(async (leaves) => {
    const { page: data } = hyperclade.store;
    const found = [];
    for (const leaf of leaves) found.push([data.ids === null ? String(leaf) : await data.ids.load(Number(leaf)), await data.names!.load(Number(leaf))]);
    return found;
  }, ids);
  const sorted = (own: string[][]): string[] => own.map(([id, name]) => `${id} ${name}`).sort();
  expect(sorted(rows)).toEqual(sorted(wanted));
  await set(page, { chosen: [] });
});

test("formulas and quotes are guarded in CSV", async () => {
  const own = await open(browser, "hostile.html");
  const names = JSON.parse(readFileSync(fileOf("hostile.json"), "utf8")) as string[];
  const [head, ...rows] = rowsOf(readFileSync(await save(own.page, "Selection as CSV"), "utf8"));
  expect(rows.length).toBe(names.length);
  expect(rows.every((row) => row.length === head.length)).toBe(true);
  const found = rows.map(([, name]) => name);
  for (const name of names) {
    const guarded = /^[=+\-@\t\r]/.test(name) ? `'${name}` : name;
    expect(found).toContain(guarded.replace(/[\ud800-\udfff]/gu, "\ufffd"));
  }
  for (const row of rows) for (const cell of row) expect(cell).not.toMatch(/^=/);
  await own.page.close();
});

test("the URL brings the state back, also by back and forward", async () => {
  const node = await page.evaluate(() => hyperclade.store.shown.tree.children(hyperclade.store.shown.tree.root)[0]);
  const child = await page.evaluate((own) => hyperclade.store.shown.tree.children(own)[0], node);
  await goTo(page, "nouns.html");
  const colour = await page.evaluate(() => hyperclade.store.page.columns[0]?.title ?? "layer");
  await set(page, { focus: node, selected: child, k: 17, colour, side: "treemap", least: 3, theme: "dark", query: "a&b=#c" });
  await page.waitForTimeout(500);
  const before = await state(page);
  await page.reload({ waitUntil: "commit" });
  await firstPicture(page);
  const { focus, selected, k, side, least, theme, query, colour: now } = await state(page);
  expect({ focus, selected, k, side, least, theme, query, colour: now }).toEqual({ focus: before.focus, selected: child, k: 17, side: "treemap", least: 3, theme: "dark", query: "a&b=#c", colour });
  expect(await page.getByRole("tab", { selected: true }).textContent()).toBe("Treemap");
  expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");

  await set(page, { focus: child, selected: child });
  await page.waitForTimeout(100);
  await page.goBack();
  await expect.poll(async () => (await state(page)).focus).toBe(node);
  await page.goForward();
  await expect.poll(async () => (await state(page)).focus).toBe(child);
});

test("hashes that say nothing right are ignored", async () => {
  const hashes = [
    "#focus=-1&selected=99999999&k=0&side=what&colour=none&theme=blue", "#focus=1e3&k=NaN&least=", "#%E0%A4%A", "#focus=%3Cscript%3E",
    "#__proto__=1&constructor=2", `#query=${"x".repeat(5000)}&k=999999999999`, "#focus=0x10&selected=&&&==", "#k=2.5&least=-3",
  ];
  for (const hash of hashes) {
    await page.goto("about:blank");
    await goTo(page, "nouns.html", hash);
    const { root, n } = await page.evaluate(() => ({ root: hyperclade.store.shown.tree.root, n: hyperclade.store.shown.tree.n }));
    const own = await state(page);
    expect(own).toMatchObject({ focus: root, selected: root, side: "icicle", colour: "branch", theme: "auto", least: 1 });
    expect(own.k >= 1 && own.k <= n).toBe(true);
    expect(own.query.length).toBeLessThanOrEqual(200);
  }
  expect(opened.troubles).toEqual([]);
  expect(opened.requests).toEqual([]);
});
