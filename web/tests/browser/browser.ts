import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { inject } from "vitest";
import { firstPicture } from "./chromium.ts";

export { launch } from "./chromium.ts";

declare module "vitest" {
  interface ProvidedContext {
    pages: string;
  }
}

/** File of a page made by pages.py, or of what lies beside it. */
export function fileOf(name: string): string {
  return resolve(inject("pages"), name);
}

export interface Opened {
  page: Page;
  /** Errors and complaints of the page so far. */
  troubles: string[];
  /** Addresses asked for beyond the file itself. */
  requests: string[];
}

/** Opens a page and waits for its first picture. */
export async function open(browser: Browser, name: string, options: Parameters<Browser["newPage"]>[0] = {}, hash = ""): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  const opened: Opened = { page, troubles: [], requests: [] };
  page.on("pageerror", (error) => opened.troubles.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") opened.troubles.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && request.resourceType() !== "document") opened.requests.push(request.url());
  });
  await page.goto(`file://${fileOf(name)}${hash}`, { waitUntil: "commit" });
  await firstPicture(page);
  return opened;
}
