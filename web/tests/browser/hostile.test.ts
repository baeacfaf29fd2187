import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawn, known, open, set, shared, state, type Opened } from "./browser.ts";

const SIZES = [{ width: 1280, height: 800 }, { width: 820, height: 1180 }];
const PARTS = ["header.page-head", ".cut-bar", ".way-row", ".disk canvas", ".sides", ".panel-place"];

let browser: Browser;
beforeAll(async () => void (browser = await shared()));
afterAll(() => browser.close());

/** What is seen of a text: without spaces and signs that are not seen. */
const seen = (text: string): string => text.replace(/[\p{C}\p{Z}]/gu, "");

/** Whether a text shows another, or its beginning where it is long. */
function shows(text: string, name: string): void {
  const wanted = seen(name).slice(0, 30) || seen("(no name)");
  expect(seen(text)).toContain(wanted);
}

/** Places of the parts of the page, and how much of it can be scrolled to. */
function layout(page: Page): Promise<{ boxes: number[][]; beyond: number[] }> {
  return page.evaluate((parts) => {
    const boxes = parts.map((part) => {
      const { x, y, width, height } = document.querySelector(part)!.getBoundingClientRect();
      return [x, y, width, height].map(Math.round);
    });
    const { scrollWidth, scrollHeight } = document.scrollingElement!;
    return { boxes, beyond: [Math.max(0, scrollWidth - innerWidth), Math.max(0, scrollHeight - innerHeight)] };
  }, PARTS);
}

describe.each(SIZES)("hostile texts at $width × $height", (viewport) => {
  let opened: Opened;
  let page: Page;
  const names = (): string[] => known("hostile.json");

  beforeAll(async () => {
    opened = await open(browser, "hostile.html", { viewport, reducedMotion: "reduce" });
    page = opened.page;
  });
  afterAll(() => page.close());

  test("the title of the window is plain text", async () => {
    expect(await page.title()).toBe("<script>globalThis.broken = 1</script> · Hyperclade");
    expect(await page.locator("h1").textContent()).toBe("<script>globalThis.broken = 1</script>");
  });

  test("names stand as text in every place, and the layout stays whole", async () => {
    const first = await layout(page);
    expect(first.beyond).toEqual([0, 0]);
    const m = await page.evaluate(() => hyperclade.store.shown.tree.m);
    const n = names().length;
    const box = (await page.locator(".disk canvas").boundingBox())!;
    for (let node = 0; node < m; node++) {
      const name = node < n ? names()[node] : names()[node % n];
      await set(page, { focus: node, selected: node });
      await page.mouse.move(box.x + box.width / 2 + (node % 2), box.y + box.height / 2);
      await drawn(page);
      const texts = await page.evaluate(() => {
        const text = (place: string): string => document.querySelector(place)?.textContent ?? "";
        const told = document.querySelector(".disk-tip:not([hidden])");
        return {
          tip: told?.textContent ?? "", inTip: told?.querySelectorAll(":not(b, span)").length ?? 0, panel: text(".panel h2"),
          crumb: text(".crumbs [aria-current]"), icicle: text("[role=treeitem]"), said: text(".disk-told[role=status]"),
        };
      });
      const usual = seen(name) === "" && node >= n ? "samples" : name;
      for (const text of [texts.tip, texts.panel, texts.icicle, texts.crumb, texts.said]) shows(text, usual);
      expect(texts.inTip).toBe(0);
      expect(await layout(page), `layout at node ${node}`).toEqual(first);
    }
  });

  test("labels and columns stand as text in the legend and the panel", async () => {
    const titles = await page.evaluate(() => hyperclade.store.page.columns.map(({ title }) => title));
    expect(titles).toEqual(["label", ...names()]);
    const first = await layout(page);
    const { root, fixed } = await page.evaluate(() => ({ root: hyperclade.store.shown.tree.root, fixed: [...document.querySelectorAll("script, img, iframe, style, link")].length }));
    for (const colour of titles) {
      await set(page, { colour, focus: root, selected: root });
      const values = await page.locator(".colour-legend li").allTextContents();
      if (colour === "label") values.slice(0, 10).forEach((text, at) => shows(text, seen(names()[at]) === "" ? "(empty)" : names()[at]));
      expect(await page.evaluate(() => document.querySelectorAll(".colour-legend li :not(span)").length)).toBe(0);
      expect(await layout(page), `layout with ${JSON.stringify(colour.slice(0, 40))}`).toEqual(first);
    }
    await set(page, { selected: 0 });
    const shown = await page.locator(".panel dl dt").allTextContents();
    for (const title of names()) expect(shown.map(seen).some((text) => text.startsWith(seen(title).slice(0, 30)))).toBe(true);
    expect(await page.evaluate(() => [...document.querySelectorAll("script, iframe, style, link")].length)).toBeLessThanOrEqual(fixed);
    await set(page, { colour: "branch", selected: root });
  });

  test("results of a search are text", async () => {
    const first = await layout(page);
    for (const query of ["<script>", "onerror", "javascript:", "العربية", "long text", "xxxxx"]) {
      await page.fill("#search", query);
      await drawn(page);
      await expect.poll(() => page.locator(".search-popup [role=status]").textContent()).toMatch(/^[1-9]\d* hits?$/);
      const options = await page.locator("#search-results .title").allTextContents();
      expect(options.length).toBeGreaterThan(0);
      for (const text of options) expect(seen(text)).toContain(seen(query));
      expect(await page.evaluate(() => document.querySelectorAll("#search-results li :not(span)").length)).toBe(0);
      expect(await layout(page)).toEqual(first);
    }
    await page.fill("#search", "");
    await page.keyboard.press("Escape");
  });

  test("pictures of every view are well-formed, and help opens", async () => {
    for (const side of ["icicle", "treemap", "matrix", "pair"] as const) {
      await set(page, { side });
      expect((await layout(page)).beyond).toEqual([0, 0]);
    }
    await set(page, { side: "icicle", focus: await page.evaluate(() => hyperclade.store.shown.tree.root) });
    const wrong = await page.evaluate(() => {
      const root = new DOMParser().parseFromString(hyperclade.disk.svg(), "image/svg+xml");
      return [root.querySelectorAll("parsererror").length, root.querySelectorAll("script, image, foreignObject, a").length];
    });
    expect(wrong).toEqual([0, 0]);
    await page.locator(".disk canvas").focus();
    await page.keyboard.press("?");
    expect(await page.locator("dialog[open]").textContent()).toContain("<img src=x onerror=");
    const inside = await page.evaluate(() => {
      const dialog = document.querySelector("dialog[open]")!;
      return [dialog.querySelectorAll("img").length, dialog.scrollWidth - dialog.clientWidth];
    });
    expect(inside).toEqual([0, 0]);
    await page.keyboard.press("Escape");
  });

  test("a picture that is none has a placeholder", async () => {
    await set(page, { selected: names().length - 1 });
    await page.locator(".panel .broken").first().waitFor();
    expect(await page.locator(".panel .broken").first().textContent()).toBe("not a picture");
    expect((await layout(page)).beyond).toEqual([0, 0]);
  });

  test("nothing has run, complained or been asked for", async () => {
    expect(await page.evaluate(() => (globalThis as { broken?: unknown }).broken)).toBeUndefined();
    expect(await page.locator(".notice:not([hidden])").count()).toBe(0);
    expect(opened.troubles).toEqual([]);
    expect(opened.requests).toEqual([]);
  });
});

test("100,000 equal names", async () => {
  const { page, troubles } = await open(browser, "equal.html", { reducedMotion: "reduce" });
  await page.fill("#search", "same");
  await expect.poll(() => page.locator(".search-popup [role=status]").textContent(), { timeout: 20_000 }).toBe("100,000 hits");
  expect(await page.locator("#search-results li").count()).toBe(50);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await drawn(page);
  const { selected } = await state(page);
  expect(selected).toBeLessThan(100_000);
  expect(await page.locator(".panel h2").textContent()).toBe("same");
  expect((await layout(page)).beyond).toEqual([0, 0]);
  expect(troubles).toEqual([]);
  await page.close();
});
