import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, open, shared, state, type Opened } from "./browser.ts";

let browser: Browser;
let opened: Opened;
let page: Page;
beforeAll(async () => {
  browser = await shared();
  opened = await open(browser, "nouns.html");
  page = opened.page;
});
afterAll(async () => {
  expect(opened.troubles).toEqual([]);
  await browser.close();
});

/** Types a query and waits for all results; gives their titles. */
async function search(query: string): Promise<string[]> {
  await page.fill("#search", query);
  await drawn(page);
  await expect.poll(() => page.locator(".search-popup [role=status]").textContent()).toMatch(/^[\d,]+ hits?$/);
  await drawn(page);
  return page.locator("#search-results .title").allTextContents();
}

test("a name is found, the exact one first, without case and accents", async () => {
  const all = await page.evaluate(async () => {
    const names = [];
    for await (const [, block] of hyperclade.store.page.names!.all()) names.push(...block);
    return names;
  });
  const exact = await search("violin");
  expect(exact[0].toLowerCase()).toBe("violin");
  const holding = all.filter((name) => name.toLowerCase().includes("violin")).length;
  expect(exact.length).toBeGreaterThanOrEqual(holding);
  for (const query of ["VIOLIN", "víolîn", "  violin "]) expect(await search(query)).toEqual(exact);
});

test("keys choose a result, and the page glides there", async () => {
  const results = await search("piano");
  const option = page.locator("#search-results [role=option]");
  expect(await option.nth(0).getAttribute("aria-selected")).toBe("true");
  if (results.length > 1) {
    await page.keyboard.press("ArrowDown");
    expect(await option.nth(1).getAttribute("aria-selected")).toBe("true");
    expect(await page.locator("#search").getAttribute("aria-activedescendant")).toBe("search-1");
    await page.keyboard.press("ArrowUp");
  }
  await page.keyboard.press("Enter");
  await drawn(page);
  expect(await page.locator(".search-popup").isHidden()).toBe(true);
  const { focus, selected } = await state(page);
  expect(focus).toBe(selected);
  expect((await page.evaluate((node) => hyperclade.store.shown.title(node), selected)).toLowerCase()).toBe("piano");
  const box = (await page.locator(".disk canvas").boundingBox())!;
  await expect.poll(async () => {
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.move(box.x + box.width / 2 + 1, box.y + box.height / 2);
    await drawn(page);
    return (await state(page)).hovered;
  }).toBe(selected);
});

test("a node is found by its name, with its size and before samples", async () => {
  const [node, name, size] = await page.evaluate((): [number, string, number] => {
    const { shown } = hyperclade.store;
    const [own] = [...shown.data.named()].sort(([a], [b]) => shown.tree.size[b] - shown.tree.size[a]);
    return [own[0], own[1], shown.tree.size[own[0]]];
  });
  await search(name);
  expect(await page.locator("#search-results .kind").first().textContent()).toBe(`${size.toLocaleString("en")} samples`);
  await page.locator("#search-results [role=option]").first().click();
  await drawn(page);
  expect((await state(page)).selected).toBe(node);
});

test("an id is found", async () => {
  const { sample, id } = await page.evaluate(async () => {
    const { ids } = hyperclade.store.page;
    return { sample: 1234, id: ids === null ? "#1234" : await ids.load(1234) };
  });
  await search(id);
  await page.keyboard.press("Enter");
  await drawn(page);
  const found = await page.evaluate(() => hyperclade.store.state.selected);
  expect(found).toBe(sample);
});

test("a change of name is found, the old one is not", async () => {
  await page.evaluate(() => hyperclade.editor.do({ op: "rename", node: 0, name: "Überraschung" }));
  expect(await search("uberrasch")).toEqual(["Überraschung"]);
  await page.evaluate(() => hyperclade.editor.undo());
  expect(await search("uberrasch")).toEqual([]);
});

test("Escape closes the results, then empties the box", async () => {
  await search("violin");
  await page.keyboard.press("Escape");
  expect(await page.locator(".search-popup").isHidden()).toBe(true);
  await page.keyboard.press("Escape");
  await drawn(page);
  expect(await page.locator("#search").inputValue()).toBe("");
});

test("all hits can be marked", async () => {
  await search("house");
  const count = Number((await page.locator(".search-popup [role=status]").textContent())!.split(" ")[0]);
  await page.getByRole("button", { name: /^Mark/ }).click();
  await drawn(page);
  expect((await state(page)).chosen.length).toBe(count);
});
