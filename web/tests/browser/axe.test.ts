import axe, { type AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, open, set, shared, state, type Opened } from "./browser.ts";

let browser: Browser;
let opened: Opened;
let page: Page;
beforeAll(async () => {
  browser = await shared();
  opened = await open(browser, "nouns.html", { reducedMotion: "reduce" });
  page = opened.page;
  await page.evaluate(axe.source);
});
afterAll(() => browser.close());

/** What axe finds wrong with the page as it is now, a line each. */
async function wrong(): Promise<string[]> {
  const results = await page.evaluate(async () => {
    const { axe: own } = globalThis as unknown as { axe: typeof axe };
    return (await own.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] })) as AxeResults;
  });
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary ?? ""}`));
}

test.each(["light", "dark"] as const)("%s", async (theme) => {
  await set(page, { theme });
  expect(await wrong()).toEqual([]);
});

test("search open", async () => {
  await page.fill("#search", "a");
  await drawn(page);
  await expect.poll(() => page.locator("#search-results [role=option]").count()).toBe(50);
  expect(await wrong()).toEqual([]);
  await page.fill("#search", "");
  await page.keyboard.press("Escape");
});

test("help open, by its key; it closes again", async () => {
  await page.locator(".disk canvas").focus();
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "About this page" });
  expect(await dialog.isVisible()).toBe(true);
  expect(await wrong()).toEqual([]);
  await page.keyboard.press("Escape");
  expect(await dialog.isVisible()).toBe(false);
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("CANVAS");
});

test("a menu open", async () => {
  await page.getByRole("button", { name: "Export" }).click();
  expect(await wrong()).toEqual([]);
  await page.keyboard.press("Escape");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Export");
});

test("the panel with a leaf, and with edits", async () => {
  await set(page, { selected: 0, chosen: [1, 2] });
  await page.locator("details.drawer > summary").click();
  await page.evaluate(() => hyperclade.editor.do({ op: "rename", node: 0, name: "another" }));
  await drawn(page);
  expect(await wrong()).toEqual([]);
  await page.evaluate(() => hyperclade.editor.undo());
  await page.locator("details.drawer > summary").click();
  await set(page, { selected: (await state(page)).focus, chosen: [] });
});

test.each(["treemap", "matrix", "pair", "icicle"] as const)("the view %s", async (side) => {
  await set(page, { side, theme: side === "treemap" ? "light" : "dark" });
  expect(await wrong()).toEqual([]);
});

test("a tablet upright", async () => {
  await page.setViewportSize({ width: 820, height: 1180 });
  await set(page, { theme: "light" });
  expect(await wrong()).toEqual([]);
  await page.setViewportSize({ width: 1280, height: 800 });
  await drawn(page);
});

test("Tab reaches every control, in the order of the page", async () => {
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    getSelection()?.removeAllRanges();
    const seen: Element[] = [];
    Object.assign(globalThis, { seen });
    addEventListener("focusin", (event) => seen.push(event.target as Element));
  });
  const count = await page.evaluate(() => document.querySelectorAll("a, button, input, select, summary, [tabindex]").length);
  await page.locator(".skip").focus();
  for (let step = 0; step < count + 10; step++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement === document.body || document.activeElement?.matches(".skip") === true)) break;
  }
  const { missed, order } = await page.evaluate(() => {
    const { seen } = globalThis as unknown as { seen: Element[] };
    const controls = [...document.querySelectorAll<HTMLElement>("a[href], button, input, select, summary, [tabindex]")].filter(
      (own) => own.tabIndex >= 0 && own.checkVisibility({ visibilityProperty: true }) && !own.matches(":disabled"),
    );
    const radios = (own: HTMLElement): boolean => own.matches("input[type=radio]:not(:checked)"); // arrow keys go to these
    const name = (own: Element): string => own.getAttribute("aria-label") ?? own.textContent?.slice(0, 30) ?? own.tagName;
    const places = ["skip", "page-head", "cut-bar", "way-row", "stage", "resizer", "sides", "panel-place"];
    const regions = seen.map((own) => places.find((place) => own.closest(`.${place}`) !== null) ?? "");
    return {
      missed: controls.filter((own) => !seen.includes(own) && !radios(own)).map(name),
      order: regions.filter((own, at) => own !== "" && own !== regions[at - 1]),
    };
  });
  expect(missed).toEqual([]);
  expect(order.filter((place) => place !== "resizer")).toEqual(["skip", "page-head", "cut-bar", "way-row", "stage", "sides", "panel-place", ...order.filter((place) => place !== "resizer").slice(7)]);
});

test("without troubles", () => {
  expect(opened.troubles).toEqual([]);
  expect(opened.requests).toEqual([]);
});
