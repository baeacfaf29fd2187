import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserServer } from "playwright-core";

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

function executable(): string {
  const path = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  if (!existsSync(path)) throw new Error(`${path} is missing; CHROMIUM names another`);
  return path;
}
