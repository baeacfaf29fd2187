// Opens a page in Chromium and moves about in it: `node page_browser.mjs FILE disk|boxes SECONDS`; JSON on stdout.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const web = resolve(import.meta.dirname, "../web");
const vite = createRequire(resolve(web, "package.json")).resolve("vite");
const { runnerImport } = await import(pathToFileURL(vite).href);
const shared = async (name) => (await runnerImport(resolve(web, "tests/browser", name), { root: web, configFile: false })).module;
const [{ launch, firstPicture }, { clicks, frames, memory, wander }] = [await shared("chromium.ts"), await shared("measure.ts")];

const [file, kind, seconds] = process.argv.slice(2);
const limit = 1000 * Number(seconds);
const browser = await launch();
let found;
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(limit);
  await page.goto(pathToFileURL(file).href, { waitUntil: "commit", timeout: limit });
  const shown = await firstPicture(page, limit);
  const box = await page.locator(kind === "disk" ? ".disk canvas" : ".js-plotly-plot .main-svg").first().boundingBox();
  const times = await frames(page, () => (kind === "disk" ? wander(page, box) : clicks(page, box)));
  const at = (share) => times[Math.floor(share * times.length)];
  found = { first_picture_ms: shown, frames: times.length, median_frame_ms: at(0.5), frame_95_ms: at(0.95), tab_mib: await memory(page) };
} catch (error) {
  if (error.name !== "TimeoutError") throw error;
  found = { skipped: `not shown in ${seconds} s` };
}
process.stdout.write(JSON.stringify(found));
// A page that is still at work does not let its browser end of itself.
await Promise.race([browser.close(), new Promise((done) => setTimeout(done, 5000))]);
process.exit();
