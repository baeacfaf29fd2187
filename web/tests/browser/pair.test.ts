import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, known, open, set, shared, state, type Opened } from "./browser.ts";

let browser: Browser;
let opened: Opened;
let page: Page;
beforeAll(async () => {
  browser = await shared();
  opened = await open(browser, "pair.html", { viewport: { width: 1280, height: 1000 }, reducedMotion: "reduce" }, "#side=pair");
  page = opened.page;
});
afterAll(() => browser.close());

/** Samples under every node of one of the trees. */
const samples = (tree: number): Promise<number[][]> => page.evaluate((own) => {
  const { tree: found } = hyperclade.store.page.trees[own];
  return Array.from({ length: found.m }, (_, node) => [...found.leaves(node)]);
}, tree);

function jaccard(a: readonly number[], b: readonly number[]): number {
  const own = new Set(a);
  const common = b.filter((leaf) => own.has(leaf)).length;
  return common / (a.length + b.length - common);
}

const told = (): Promise<string> => page.locator(".pair .told").innerText();

test("both trees are drawn, and their agreement is Python's", async () => {
  const { agreement } = known<{ agreement: number }>("pair.json");
  for (const side of ["a", "b"]) expect(await page.locator(`.pair [data-group^=${side}]`).count()).toBe(12);
  expect(await page.locator(".pair .ribbon").count()).toBeGreaterThan(12);
  expect(await page.locator(".pair .heads strong").allTextContents()).toEqual(["the one", "the other one"]);
  expect(agreement).toBeLessThan(1);
  expect(await told()).toContain(`Agreement in all: ${agreement.toFixed(3)}`);
});

test("a group of the first tree is told of with its best match", async () => {
  const [one, two] = [await samples(0), await samples(1)];
  const { jaccard: python } = known<{ jaccard: number[] }>("pair.json");
  const n = one[one.length - 1].length;
  for (const node of [n, n + 20, n + 55, one.length - 2, one.length - 3]) {
    await set(page, { selected: node });
    const best = Math.max(...two.map((own) => jaccard(one[node], own)));
    expect(python[node - n]).toBeCloseTo(best, 12);
    expect(await told()).toContain(`in the second tree: Jaccard ${best.toFixed(3)}`);
  }
});

test("a group of the second tree selects its match in the first", async () => {
  const [one, two] = [await samples(0), await samples(1)];
  const groups = page.locator(".pair [data-group^=b]");
  for (const at of [0, 5, 11]) {
    const node = Number((await groups.nth(at).getAttribute("data-group"))!.slice(1));
    if (at === 5) {
      await groups.nth(at).focus();
      await page.keyboard.press("Enter");
    } else await groups.nth(at).click();
    await drawn(page);
    const all = one.map((own) => jaccard(two[node], own));
    const best = Math.max(...all);
    const { selected } = await state(page);
    expect(all[selected]).toBe(best);
    expect(await told()).toContain(`in the first tree: Jaccard ${best.toFixed(3)}`);
    expect(await page.locator(`.pair [data-group=b${node}]`).getAttribute("class")).toContain("selected");
  }
});

test("without troubles", () => {
  expect(opened.troubles).toEqual([]);
  expect(opened.requests).toEqual([]);
});
