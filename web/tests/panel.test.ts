import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../src/page/store.ts";

const CHROMIUM = "/usr/bin/chromium";
const ARGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

declare global {
  interface Window {
    store: Store;
    read: string[];
    hurt?: number;
    axe: { run: (root: Element) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
  }
}

let browser: Browser;
let folder: string;

/** The panel alone in a page, with the data of `panel-mount.ts`. */
async function open(colorScheme: "light" | "dark" = "light"): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 400, height: 800 }, colorScheme });
  page.on("pageerror", (error) => {
    throw error;
  });
  await page.goto(`file://${join(folder, "panel.html")}`);
  await page.locator(".panel .cards li").first().waitFor();
  await page.waitForTimeout(100);
  return page;
}

/** What axe finds wrong. */
function wrong(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document.querySelector(".panel") as Element);
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

function set(page: Page, patch: Partial<Store["state"]>): Promise<void> {
  return page.evaluate(async (own) => {
    window.store.set(own);
    await new Promise((go) => requestAnimationFrame(() => setTimeout(go, 50)));
  }, patch);
}

const part = (page: Page, title: string) => page.locator(`.panel .part:has(> h3:text-is("${title}"))`);

describe.skipIf(!existsSync(CHROMIUM))("panel", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hyperclade-panel-"));
    const root = fileURLToPath(new URL(".", import.meta.url));
    const built = await build({
      configFile: false,
      logLevel: "error",
      build: { write: false, target: "es2022", cssCodeSplit: false, lib: { entry: join(root, "panel-mount.ts"), formats: ["iife"], name: "mount", cssFileName: "style" } },
    });
    const { output } = (Array.isArray(built) ? built[0] : built) as { output: { type: string; fileName: string; code?: string; source?: string | Uint8Array }[] };
    const script = output.find(({ type }) => type === "chunk")?.code ?? "";
    const style = String(output.find(({ fileName }) => fileName.endsWith(".css"))?.source ?? "");
    const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
    writeFileSync(
      join(folder, "panel.html"),
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>panel</title><style>${style}</style><body><script>${safe}</script></body></html>`,
    );
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(["light", "dark"] as const)("has nothing that axe finds wrong in %s", async (scheme) => {
    const page = await open(scheme);
    await page.evaluate(AXE);
    await page.locator(".drawer summary").click();
    expect(await wrong(page)).toEqual([]);
    await set(page, { selected: 485, chosen: [5, 13, 487], colour: "<i>label</i>" });
    await page.getByRole("button", { name: "all of it" }).first().click();
    await page.getByRole("button", { name: "Rename" }).first().click();
    expect(await wrong(page)).toEqual([]);
    await set(page, { selected: 5 });
    expect(await wrong(page)).toEqual([]);
    await page.close();
  }, 30_000);

  it("shows hostile names as text, within its width", async () => {
    const page = await open();
    for (const selected of [...Array.from({ length: 9 }, (_, at) => 480 + at), ...Array.from({ length: 12 }, (_, leaf) => leaf)]) {
      await set(page, { selected, chosen: [selected] });
      const found = await page.evaluate(() => {
        const panel = document.querySelector(".panel") as Element;
        const wide = [...panel.querySelectorAll(".body, .inside")].filter((own) => own.scrollWidth > own.clientWidth).length;
        return { wide, foreign: panel.querySelectorAll("script, i, img:not([data-sample])").length, hurt: window.hurt ?? 0 };
      });
      expect(found).toEqual({ wide: 0, foreign: 0, hurt: 0 });
    }
    await set(page, { selected: 5 });
    expect(await part(page, "In full").locator(".text").first().innerText()).toHaveLength(10_000);
    await set(page, { selected: 3 });
    expect(await page.locator(".panel h2").innerText()).toBe("gnirts desrever");
    await page.close();
  }, 30_000);

  it("reads pictures when they are seen, and says which is none", async () => {
    const page = await open();
    await set(page, { selected: 480 });
    await page.locator(".broken").first().waitFor();
    const before = await page.evaluate(() => window.read.length);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(24);
    expect(await page.locator(".broken").first().innerText()).toBe("not a picture");
    await part(page, "All samples").locator(".pager").scrollIntoViewIfNeeded();
    await page.waitForTimeout(200);
    expect(await page.evaluate(() => window.read.length)).toBeGreaterThan(before);
    expect(await page.evaluate(() => window.read.filter((id) => id.startsWith("hc-s")).length)).toBe(0);
    await page.getByRole("button", { name: /^Play/u }).first().click();
    await page.locator(".status:has-text('cannot be played')").waitFor();
    await page.close();
  }, 30_000);

  it("edits by the keyboard and keeps the focus", async () => {
    const page = await open();
    await part(page, "Consists of").locator(".node").nth(2).focus();
    await page.keyboard.press("Enter");
    await page.waitForTimeout(100);
    const active = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? "");
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("H2");
    expect(await part(page, "All samples").locator(".told").innerText()).toBe("1–24 of 60");
    for (const at of [0, 1]) {
      await part(page, "All samples").locator("input[type=checkbox]").nth(at).focus();
      await page.keyboard.press("Space");
    }
    await page.locator(".drawer summary").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Split off chosen" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForTimeout(100);
    expect(await page.locator(".panel h2").innerText()).toBe("2 samples");
    expect(await active()).toBe("Split off chosen");
    expect(await page.locator(".status").innerText()).toMatch(/^2 nodes split off/u);
    await page.getByRole("button", { name: "Rename" }).first().focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("</i>\u202eodd");
    await page.keyboard.press("Enter");
    await page.waitForTimeout(100);
    expect(await page.locator(".panel h2").innerText()).toBe("</i>odd");
    expect(await active()).toBe("Rename");
    expect(await page.locator(".edits li").allInnerTexts()).toHaveLength(2);
    await page.getByRole("button", { name: "Undo all" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForTimeout(100);
    expect(await active()).toBe("Undo all");
    expect(await page.evaluate(() => window.store.shown.tree.m)).toBe(489);
    await page.getByRole("button", { name: "Merge chosen" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.locator(".status").innerText()).toMatch(/^Not possible: choose/u);
    await page.close();
  }, 30_000);
});
