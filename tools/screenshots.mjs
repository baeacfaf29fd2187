// Takes the pictures of docs/images: `node tools/screenshots.mjs FOLDER_OF_PAGES OUT`, see `make screenshots`.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pages, out] = process.argv.slice(2);
const web = resolve(import.meta.dirname, "../web");
const vite = createRequire(resolve(web, "package.json")).resolve("vite");
const { runnerImport } = await import(pathToFileURL(vite).href);
const { launch, firstPicture } = (await runnerImport(resolve(web, "tests/browser/chromium.ts"), { root: web, configFile: false })).module;
const nodes = JSON.parse(readFileSync(resolve(pages, "nodes.json"), "utf8"));
const at = (name) => `focus=${nodes[name]}&selected=${nodes[name]}`;

const PICTURES = [
  { name: "page", hash: `selected=${nodes["what is worn"]}&k=10&colour=layer` },
  { name: "page-dark", theme: "dark", hash: `${at("musical instrument")}&k=31&colour=layer` },
  { name: "page-deep", hash: `${at("deep")}&k=91&colour=label` },
  { name: "treemap", hash: "side=treemap&k=31&colour=layer", act: (page) => raise(page, 200) },
  { name: "matrix", hash: "side=matrix&k=10&colour=layer", act: (page) => raise(page, 240) },
  { name: "pair", page: "pair", hash: "side=pair&k=10&colour=layer", act: (page) => raise(page, 220) },
  { name: "photos", page: "photos", hash: `${at("photos")}&k=8&colour=label` },
  { name: "edit", size: [1280, 960], hash: `${at("animals")}&k=31&colour=layer`, act: edit },
  { name: "tablet", size: [820, 1180], hash: `${at("animals")}&k=31&colour=layer` },
];

const browser = await launch();
for (const { name, page: file = "nouns", size: [width, height] = [1280, 800], theme = "light", hash, act } of PICTURES) {
  const path = resolve(pages, `${file}.html`);
  if (!existsSync(path)) {
    console.log(`${name}.png is left as it is: ${file}.html could not be made without its data`);
    continue;
  }
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: theme });
  await page.goto(`${pathToFileURL(path).href}#${hash}`);
  await firstPicture(page);
  await page.waitForTimeout(1500); // glides end, names fade in
  if (act !== undefined) await act(page);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: resolve(out, `${name}.png`) });
  await page.close();
}
await browser.close();

/** Gives the view below the disk more room. */
async function raise(page, by) {
  const bar = await page.getByRole("separator", { name: "Height of the views below" }).boundingBox();
  const [x, y] = [bar.x + bar.width / 2, bar.y + bar.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x, y - by, { steps: 5 });
  await page.mouse.up();
}

/** Some corrections, and what can be done next with what is chosen. */
async function edit(page) {
  const go = async (name) => {
    await page.evaluate((hash) => (location.hash = hash), `${at(name)}&k=31&colour=layer`);
    await page.waitForTimeout(600);
  };
  for (const [node, name] of [["bird", "birds"], ["insect", "insects"], ["animals", "animals on land"]]) {
    await go(node);
    await page.getByRole("button", { name: "Rename" }).first().click();
    await page.locator("#panel-name").fill(name);
    await page.keyboard.press("Enter");
  }
  await go("bird");
  await page.keyboard.press("c");
  await go("animals");
  await page.getByText("Edit the tree").click();
}
