import { readFileSync, writeFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, fileOf, firstPicture, shared, tab } from "./browser.ts";

let browser: Browser;
let whole: string;
beforeAll(async () => {
  browser = await shared();
  whole = readFileSync(fileOf("nouns.html"), "utf8");
});
afterAll(() => browser.close());

/** The line that a damaged page shows instead of a picture. */
async function failure(text: string, before?: () => void): Promise<string> {
  writeFileSync(fileOf("damaged.html"), text);
  const { page, troubles } = await tab(browser);
  if (before !== undefined) await page.addInitScript(before);
  await page.goto(`file://${fileOf("damaged.html")}`);
  const line = await page.locator("main.failure[role=alert] p").textContent({ timeout: 10_000 });
  expect(await page.locator("main.failure h1").textContent()).toBe("This page cannot be shown");
  expect(troubles).toEqual([]);
  await page.close();
  return line ?? "";
}

const block = (id: string): RegExp => new RegExp(`<script type="text/plain" id="hc-${id}">[^<]*</script>\\n`);
const HEAD = /(<script type="application\/json" id="hc-head">)([^<]*)(<\/script>)/;

/** The page with another head. */
function headed(change: (head: Record<string, any>) => void): string {
  return whole.replace(HEAD, (_, open: string, text: string, close: string) => {
    const head = JSON.parse(text) as Record<string, unknown>;
    change(head);
    return open + JSON.stringify(head).replaceAll("<", "\\u003c") + close;
  });
}

const TEMPLATE = "this page holds no hierarchy: the file is a template, or not complete";

test.each<[string, () => string, string | RegExp]>([
  ["cut off within a block", () => whole.slice(0, whole.indexOf('id="hc-b1"') + 200), TEMPLATE],
  ["cut off within the head", () => whole.slice(0, whole.indexOf('id="hc-head"') + 400), /head is damaged/],
  ["without its data", () => whole.replace(/<script type="(text\/plain|application\/json)"[^]*<\/script>\n/, ""), TEMPLATE],
  ["without a block", () => whole.replace(block("b0"), ""), "the page lacks its block b0: the file is not complete"],
  ["with a block cut short", () => whole.replace(block("b0"), (own) => own.replace(/.{600}<\/script>/, "</script>")), /block b0 is damaged/],
  ["with a block that is no base64", () => whole.replace(block("b1"), (own) => own.replace(/>.{9}/, ">!!!!!!!!!")), /block b1 is damaged/],
  ["with a head that is no JSON", () => whole.replace(HEAD, "$1{oh$3"), /head is damaged/],
  ["of another version", () => headed((head) => (head.version = 2)), /of version 2; its program reads version 1/],
  ["with another number of samples", () => headed((head) => (head.trees[0].n = 12)), /head has been changed/],
  ["with two sizes changed", () => headed(({ trees: [tree] }) => { tree.n -= 1; tree.height.length += 1; }), /damaged|changed/],
  ["with parents that are none", () => headed(({ trees: [tree] }) => (tree.parent.filter = "none")), /tree is damaged/],
  ["without columns", () => headed((head) => delete head.columns), /head has been changed/],
])("a page %s says so", async (_, text, line) => {
  const damaged = text();
  expect(damaged).not.toBe(whole);
  expect(await failure(damaged)).toMatch(line);
});

test("a browser without what the page needs says what it lacks", async () => {
  const line = await failure(whole, () => void Reflect.deleteProperty(globalThis, "DecompressionStream"));
  expect(line).toMatch(/^this browser is too old to read the page: it lacks DecompressionStream/);
});

test("without JavaScript the page says so", async () => {
  const { page } = await tab(browser, { javaScriptEnabled: false });
  await page.goto(`file://${fileOf("nouns.html")}`);
  expect(await page.locator("noscript").textContent()).toContain("JavaScript");
  await page.close();
});

test("names that lack are said when they are asked for, and the page goes on", async () => {
  const { names } = JSON.parse(HEAD.exec(whole)![2]) as { names: { ids: string[] } };
  writeFileSync(fileOf("damaged.html"), whole.replace(block(names.ids[0]), ""));
  const { page } = await tab(browser, { reducedMotion: "reduce" });
  await page.goto(`file://${fileOf("damaged.html")}`);
  await firstPicture(page);
  await page.evaluate(() => hyperclade.store.set({ selected: 5, focus: 5 }));
  await page.locator(".notice:not([hidden])").waitFor();
  expect(await page.locator(".notice").textContent()).toContain(`the page lacks its block ${names.ids[0]}`);
  await page.evaluate(() => hyperclade.store.set({ focus: hyperclade.store.shown.tree.root, selected: hyperclade.store.shown.tree.root }));
  await drawn(page);
  expect(await page.locator(".panel h2").textContent()).not.toBe("");
  await page.close();
});
