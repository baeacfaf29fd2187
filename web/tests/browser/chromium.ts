import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserServer, type Page } from "playwright-core";

const QUIET = [
  "--no-sandbox",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Chromium without a window; it draws in software where there is no GPU. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executable(), args: QUIET });
}

/** The same as a process of its own that many connect to. */
export function serve(): Promise<BrowserServer> {
  return chromium.launchServer({ executablePath: executable(), args: QUIET });
}

/** Waits for the first picture of a page; gives the milliseconds from its opening to it. */
export async function firstPicture(page: Pick<Page, "waitForFunction" | "evaluate">, limit = 30_000): Promise<number> {
  await page.waitForFunction(() => performance.getEntriesByName("hyperclade-first-picture").length > 0, undefined, {
    timeout: limit,
    polling: 50,
  });
  return page.evaluate(() => performance.getEntriesByName("hyperclade-first-picture")[0].startTime);
}

function executable(): string {
  const path = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  if (!existsSync(path)) throw new Error(`${path} is missing; CHROMIUM names another`);
  return path;
}
