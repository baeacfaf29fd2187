import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { inject } from "vitest";
import { firstPicture } from "./chromium.ts";
import type { Handle } from "../../src/main.ts";
import type { State } from "../../src/page/store.ts";

export { firstPicture, launch } from "./chromium.ts";

declare module "vitest" {
  interface ProvidedContext {
    pages: string;
    python: string;
    chromium: string;
  }
}

declare global {
  var hyperclade: Handle;
}

export type Options = Parameters<Browser["newContext"]>[0];

/** The browser that all tests share. */
export function shared(): Promise<Browser> {
  return chromium.connect(inject("chromium"));
}

/** File of a page made by pages.py, or of what lies beside it. */
export function fileOf(name: string): string {
  return resolve(inject("pages"), name);
}

/** What pages.py has written beside a page. */
export function known<T>(name: string): T {
  return JSON.parse(readFileSync(fileOf(name), "utf8")) as T;
}

export interface Opened {
  page: Page;
  /** Errors and complaints of the page so far. */
  troubles: string[];
  /** Addresses asked for beyond the file itself. */
  requests: string[];
}

/** A new tab, which is listened to. */
export async function tab(browser: Browser | BrowserContext, options: Options = {}): Promise<Opened> {
  const page = "newContext" in browser ? await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options }) : await browser.newPage();
  const opened: Opened = { page, troubles: [], requests: [] };
  page.on("pageerror", (error) => opened.troubles.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") opened.troubles.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && request.resourceType() !== "document") opened.requests.push(request.url());
  });
  return opened;
}

/** Opens a page and waits for its first picture. */
export async function open(browser: Browser | BrowserContext, name: string, options: Options = {}, hash = ""): Promise<Opened> {
  const opened = await tab(browser, options);
  await goTo(opened.page, name, hash);
  return opened;
}

/** Goes to a page and waits for its first picture. */
export async function goTo(page: Page, name: string, hash = ""): Promise<void> {
  await page.goto(`file://${fileOf(name)}${hash}`, { waitUntil: "commit" });
  await firstPicture(page);
}

/** Changes the state and waits until all has been drawn; glides are over at once where motion is reduced. */
export async function set(page: Page, patch: Partial<State>): Promise<void> {
  await page.evaluate((own) => hyperclade.store.set(own), patch);
  await drawn(page);
}

/** Waits for three frames: one tells the views, one draws them, one draws what they have read meanwhile. */
export async function drawn(page: Pick<Page, "evaluate">): Promise<void> {
  await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
  });
}

/** The state of the page now. */
export function state(page: Page): Promise<State> {
  return page.evaluate(() => ({ ...hyperclade.store.state }));
}
