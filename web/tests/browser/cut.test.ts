import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, known, open, shared } from "./browser.ts";

let browser: Browser;
beforeAll(async () => void (browser = await shared()));
afterAll(() => browser.close());

/** Labels of all samples by the cut that the page shows: clusters counted in the order of the tree. */
function labels(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const { shown, state } = hyperclade.store;
    const found = new Array<number>(shown.tree.n);
    shown.cuts.nodes(state.k).forEach((node, label) => {
      for (const leaf of shown.tree.leaves(node)) found[leaf] = label;
    });
    return found;
  });
}

test.each(["nouns", "ties"])("the cut of the field is Python's: %s", async (name) => {
  const { cuts } = known<{ cuts: Record<string, number[]> }>(`${name}.json`);
  const { page, troubles } = await open(browser, `${name}.html`);
  for (const [k, own] of Object.entries(cuts)) {
    await page.fill("#cut-field", k);
    await page.keyboard.press("Tab");
    await drawn(page);
    expect(await labels(page), `cut into ${k}`).toEqual(own);
    const count = new Set(own).size;
    expect(await page.locator(".cut-bar output").textContent()).toMatch(new RegExp(`^${count.toLocaleString("en")} clusters?\\b`));
  }
  expect(troubles).toEqual([]);
  await page.close();
});

test("the slider steps through all cuts that there are", async () => {
  const { cuts } = known<{ cuts: Record<string, number[]> }>("ties.json");
  const { page } = await open(browser, "ties.html");
  const distinct = [...new Set(Object.values(cuts).map((own) => new Set(own).size))].sort((a, b) => a - b);
  await page.getByRole("slider", { name: "Cut" }).focus();
  await page.keyboard.press("Home");
  for (const count of distinct) {
    await drawn(page);
    const own = await labels(page);
    expect(new Set(own).size).toBe(count);
    expect(own).toEqual(cuts[String(count)]);
    await page.keyboard.press("ArrowRight");
  }
  expect(distinct.length).toBeLessThan(Object.keys(cuts).length); // some nodes have more than two children
  await page.close();
});
