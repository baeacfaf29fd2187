import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawn, open, set, shared, state, type Opened } from "./browser.ts";

const SOON = 4000; // milliseconds, on a busy machine

let browser: Browser;
beforeAll(async () => void (browser = await shared()));
afterAll(() => browser.close());

describe.each([
  { name: "one", n: 1, deepest: 0 },
  { name: "two", n: 2, deepest: 1 },
  { name: "caterpillar", n: 50_000, deepest: 49_999 },
  { name: "star", n: 10_000, deepest: 1 },
  { name: "bare", n: 500, deepest: null },
])("$name", ({ name, n, deepest }) => {
  let opened: Opened;
  let page: Page;
  beforeAll(async () => {
    opened = await open(browser, `${name}.html`);
    page = opened.page;
  });
  afterAll(() => page.close());

  test("has a first picture, and every view opens", async () => {
    expect(await page.evaluate(() => hyperclade.store.shown.tree.n)).toBe(n);
    expect(await page.evaluate(() => hyperclade.disk.nodesDrawn)).toBeGreaterThanOrEqual(Math.min(n, 2));
    const titles = await page.getByRole("tab").allTextContents();
    expect(titles).toEqual(["Icicle", "Treemap", "Similarity", "Two trees"]);
    for (const [at, title] of titles.entries()) {
      await page.keyboard.press(String(at + 1));
      await drawn(page);
      expect(await page.getByRole("tab", { selected: true }).textContent()).toBe(title);
      expect(await page.locator(".side-place > *").evaluate((own) => own.getBoundingClientRect().height > 40)).toBe(true);
    }
    await page.keyboard.press("1");
    expect(await page.locator(".panel h2").textContent()).not.toBe("");
  });

  test("arrow keys move, and come back", async () => {
    await page.locator(".disk canvas").focus();
    await page.keyboard.press("ArrowDown");
    await drawn(page);
    const below = (await state(page)).selected;
    const root = await page.evaluate(() => hyperclade.store.shown.tree.root);
    if (n > 1) expect(below).not.toBe(root);
    await page.keyboard.press("ArrowRight");
    await drawn(page);
    if (n > 1) expect((await state(page)).selected).not.toBe(below);
    await page.keyboard.press("ArrowUp");
    await drawn(page);
    expect((await state(page)).selected).toBe(root);
  });

  test("the slider goes from 1 to n", async () => {
    const slider = page.getByRole("slider", { name: "Cut" });
    const clusters = (): Promise<number> => page.evaluate(() => hyperclade.store.shown.cuts.nodes(hyperclade.store.state.k).length);
    if (n === 1) {
      expect(await slider.isDisabled()).toBe(true);
      expect(await clusters()).toBe(1);
      return;
    }
    await slider.focus();
    await page.keyboard.press("End");
    await drawn(page);
    expect(await clusters()).toBe(n);
    await page.keyboard.press("Home");
    await drawn(page);
    expect(await clusters()).toBe(1);
    await page.keyboard.press("ArrowRight");
    await drawn(page);
    expect(await clusters()).toBeGreaterThan(1);
  });

  test("search finds a sample by its number", async () => {
    const wanted = Math.min(7, n - 1);
    await page.fill("#search", `#${wanted}`);
    await expect.poll(() => page.locator(".search-popup [role=status]").textContent()).toBe("1 hit");
    expect(await page.locator("#search-results .title").first().textContent()).toBe(`#${wanted}`);
    await page.keyboard.press("Enter");
    await drawn(page);
    expect((await state(page)).selected).toBe(wanted);
  });

  test("the deepest leaf is reached in time", async () => {
    const leaf = await page.evaluate((own) => {
      const { tree } = hyperclade.store.shown;
      const { depth } = tree;
      if (own !== null) return own;
      let best = 0;
      for (let v = 1; v < tree.n; v++) if (depth[v] > depth[best]) best = v;
      return best;
    }, deepest);
    await set(page, { focus: await page.evaluate(() => hyperclade.store.shown.tree.root) });
    const from = performance.now();
    await page.evaluate((node) => hyperclade.store.set({ focus: node, selected: node }), leaf);
    // The way there has ended when a press in the middle means the leaf.
    const box = (await page.locator(".disk canvas").boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await expect.poll(async () => {
      await page.mouse.move(x, y);
      await page.mouse.move(x + 1, y);
      await drawn(page);
      return (await state(page)).hovered;
    }, { timeout: SOON, interval: 100 }).toBe(leaf);
    expect(performance.now() - from).toBeLessThan(SOON);
    expect(await page.locator(".panel h2").textContent()).toBe(`#${leaf}`);
  });

  test("without troubles", () => {
    expect(opened.troubles).toEqual([]);
    expect(opened.requests).toEqual([]);
  });
});
