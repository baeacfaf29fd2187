import "./style.css";
import { CutScale } from "./core/scale.ts";
import { readPage } from "./page/data.ts";
import { element } from "./page/dom.ts";
import { readHead } from "./page/head.ts";
import { Shown } from "./page/shown.ts";
import { ALL, Store, type State } from "./page/store.ts";
import { Notice } from "./shell/notice.ts";
import type { Parts } from "./shell/parts.ts";
import { Editor } from "./page/editor.ts";
import { Curves } from "./views/curves.ts";
import { Shell } from "./shell/shell.ts";
import { Disk } from "./views/disk.ts";
import { Icicle } from "./views/icicle.ts";
import { Matrix } from "./views/matrix.ts";
import { Pair } from "./views/pair.ts";
import { Panel } from "./views/panel.ts";
import { Treemap } from "./views/treemap.ts";

/** The page's own handle, `hyperclade` in the browser's console. */
export interface Handle {
  store: Store;
  editor: Editor;
  disk: Disk;
}

/** The views of this page, a line each. */
function partsOf(store: Store, editor: Editor, disk: Disk): Parts {
  return {
    disk,
    sides: [
      { side: "icicle", title: "Icicle", make: (own) => new Icicle(own) },
      { side: "treemap", title: "Treemap", make: (own) => new Treemap(own) },
      { side: "matrix", title: "Similarity", make: (own) => new Matrix(own) },
      { side: "pair", title: "Two trees", make: (own) => new Pair(own) },
    ],
    panel: new Panel(store, editor),
    curves: store.page.head.labels ? new Curves(store) : null,
    editor,
  };
}

/** Reads the data of this page and shows it; what goes wrong is said in its place. */
async function start(app: HTMLElement): Promise<void> {
  const missing = missingFeature();
  if (missing !== null) {
    throw new Error(
      `this browser is too old to read the page: it lacks ${missing} (Chrome 123, Firefox 120 and Safari 17.5 have it)`,
    );
  }
  const head = readHead(document.getElementById("hc-head")?.textContent);
  document.title = `${head.title} · Hyperclade`;
  const count = head.trees[0].n;
  const line = `Reading ${count.toLocaleString("en")} ${count === 1 ? "sample" : "samples"}…`;
  app.replaceChildren(element("main", { class: "progress", role: "status" }, element("p", {}, line)));
  await painted();
  const page = await readPage(head, document);
  const [data] = page.trees;
  const shown = new Shown(page, data, { tree: data.tree, leaves: null, origin: null, names: new Map() });
  const state: State = {
    focus: shown.tree.root,
    selected: shown.tree.root,
    chosen: [],
    hovered: null,
    k: shown.layers[0]?.k ?? new CutScale(shown.cuts, "count").next(1, 1),
    least: 1,
    colour: "branch",
    side: "icicle",
    query: "",
    theme: "auto",
  };
  const store = new Store(page, shown, state);
  const editor = new Editor(store);
  const disk = new Disk(store);
  const notice = new Notice();
  const shell = new Shell(store, state, partsOf(store, editor, disk), notice);
  shell.restore();
  app.replaceChildren(...shell.elements);
  shell.update(ALL);
  store.on((changed) => shell.update(changed));
  notice.watch();
  Object.assign(globalThis, { hyperclade: { store, editor, disk } satisfies Handle });
  requestAnimationFrame(() => setTimeout(() => performance.mark("hyperclade-first-picture")));
}

function missingFeature(): string | null {
  if (typeof DecompressionStream === "undefined") return "DecompressionStream";
  if (typeof ResizeObserver === "undefined") return "ResizeObserver";
  if (typeof HTMLDialogElement === "undefined") return "dialogs";
  return CSS.supports("color", "light-dark(#000, #fff)") ? null : "light-dark colours";
}

/** Waits until the browser has drawn what there is, or would have in a tab that is not seen. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 100);
  });
}

const app = document.getElementById("app") as HTMLElement;
document.addEventListener("DOMContentLoaded", () => {
  start(app).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    app.replaceChildren(
      element(
        "main",
        { class: "failure", role: "alert" },
        element("h1", {}, "This page cannot be shown"),
        element("p", {}, reason),
      ),
    );
  });
});
