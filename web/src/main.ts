import "./style.css";
import { element } from "./page/dom.ts";
import { readHead } from "./page/head.ts";
import { readPage } from "./page/data.ts";
import { Shown } from "./page/shown.ts";
import { Store, type View } from "./page/store.ts";
import { Disk } from "./views/disk.ts";

/** Reads the data of this page and shows it; what goes wrong is said in its place. */
async function start(app: HTMLElement): Promise<void> {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old to read the page: it needs DecompressionStream (Chrome 80, Firefox 113, Safari 16.4 or newer)");
  }
  const head = readHead(document.getElementById("hc-head")?.textContent);
  const page = await readPage(head, document);
  const [data] = page.trees;
  const shown = new Shown(page, data, { tree: data.tree, leaves: null, origin: null, names: new Map() });
  const store = new Store(page, shown, {
    focus: shown.tree.root,
    selected: shown.tree.root,
    chosen: [],
    hovered: null,
    k: shown.layers[0]?.k ?? Math.min(2, shown.tree.n),
    least: 1,
    colour: "branch",
    side: "icicle",
    query: "",
    theme: "auto",
  });
  const views: View[] = [new Disk(store)];
  document.title = `${head.title} · Hyperclade`;
  app.replaceChildren(...views.map((view) => view.element));
  store.on((changed) => views.forEach((view) => view.update(changed)));
  store.set({});
}

const app = document.getElementById("app") as HTMLElement;
document.addEventListener("DOMContentLoaded", () => {
  start(app).catch((error: unknown) => {
    app.replaceChildren(element("p", { class: "failure", role: "alert" }, error instanceof Error ? error.message : String(error)));
  });
});
