import { element, plain } from "../page/dom.ts";
import type { Kept } from "../page/hash.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Address } from "./address.ts";
import { ChosenCount } from "./chosen.ts";
import { Crumbs } from "./crumbs.ts";
import { CutBar } from "./cut.ts";
import { exportMenu } from "./exports.ts";
import { frame, skipLink } from "./frame.ts";
import { Help } from "./help.ts";
import { listen, type Shortcuts } from "./keys.ts";
import { Legend } from "./legend.ts";
import type { Notice } from "./notice.ts";
import type { Parts } from "./parts.ts";
import { SearchBox } from "./search.ts";
import { Sides } from "./sides.ts";
import { ThemeSwitch } from "./theme.ts";
import { undoButtons } from "./undo.ts";

/** The page around its views: header, cut, path, places of the views, keys. */
export class Shell {
  readonly elements: readonly HTMLElement[];
  readonly #views: View[];
  readonly #address: Address;

  constructor(
    private readonly store: Store,
    start: Kept,
    parts: Parts,
    notice: Notice,
  ) {
    const { disk, panel, editor } = parts;
    const sides = parts.sides.length > 0 ? new Sides(store, parts.sides) : null;
    const search = new SearchBox(store);
    const theme = new ThemeSwitch(store);
    const cut = new CutBar(store, parts.curves);
    const crumbs = new Crumbs(store);
    const chosen = new ChosenCount(store);
    const legend = new Legend(store);
    this.#address = new Address(store, start);
    this.#views = [
      theme,
      search,
      cut,
      crumbs,
      chosen,
      legend,
      disk,
      ...(sides === null ? [] : [sides]),
      ...(panel === null ? [] : [panel]),
    ];

    const shortcuts: Shortcuts = [
      { key: "/", title: "Search", act: () => search.focus() },
      { key: ".", title: "Finer cut", act: () => cut.step(1) },
      { key: ",", title: "Coarser cut", act: () => cut.step(-1) },
      { key: "u", title: "Up to the node above", act: () => this.#up() },
      { key: "r", title: "Back to the root", act: () => this.#go(store.shown.tree.root) },
      { key: "c", title: "Choose the selected node, or no longer", act: () => this.#choose() },
      { key: "x", title: "Choose none", act: () => store.set({ chosen: [] }) },
      ...parts.sides.map(({ title }, at) => ({ key: String(at + 1), title, act: () => sides?.choose(at) })),
      { key: "t", title: "Light, dark or as the system", act: () => theme.turn() },
      ...(editor === null
        ? []
        : [
            { key: "Ctrl+Z", title: "Undo an edit", act: () => editor.canUndo && editor.undo() },
            { key: "Ctrl+Shift+Z", title: "Redo an edit", act: () => editor.canRedo && editor.redo() },
          ]),
      { key: "?", title: "This help", act: () => help.open() },
    ];
    const help = new Help(store.page.head, () => [
      {
        title: "Anywhere",
        keys: shortcuts.map(({ key, title }) => [key.length === 1 ? key.toUpperCase() : key, title] as const),
      },
      { title: "Disk", keys: disk.keys ?? [] },
      { title: sides?.current?.title ?? "", keys: sides?.keys ?? [] },
      { title: "Panel", keys: panel?.keys ?? [] },
      {
        title: "Slider of the cut",
        keys: [
          ["← →", "Coarser, finer"],
          ["PgUp PgDn", "To the next layer"],
          ["Home End", "One cluster, every sample"],
        ],
      },
    ]);
    listen(shortcuts);

    const pictures = (): { title: string; view: View }[] => [
      { title: "Disk", view: disk },
      ...(sides?.current ? [sides.current] : []),
    ];
    const header = this.#header(search, [
      ...(editor === null ? [] : undoButtons(editor)),
      exportMenu(store, pictures, editor, notice),
      theme.element,
      helpButton(help),
    ]);
    const way = element("div", { class: "way-row" }, crumbs.element, chosen.element);
    const stage = element("div", { class: "stage-inside" }, legend.element, disk.element);
    const body = frame(way, stage, sides?.element ?? null, panel?.element ?? null);
    this.elements = [skipLink(body), header, cut.element, body, help.element, notice.element];
  }

  /** Takes the state from the URL. */
  restore(): void {
    this.#address.restore();
  }

  update(changed: ReadonlySet<Change>): void {
    for (const view of this.#views) view.update(changed);
    this.#address.update(changed);
  }

  #header(search: SearchBox, tools: readonly HTMLElement[]): HTMLElement {
    const { title, subtitle } = this.store.page.head;
    const heading = element("h1", { title: plain(title, 1000) }, plain(title, 120) || "Hierarchy");
    const line = element("p", { title: plain(subtitle ?? "", 1000) }, plain(subtitle ?? "", 200));
    return element(
      "header",
      { class: "page-head" },
      element("div", { class: "titles" }, heading, line),
      search.element,
      element("div", { class: "page-tools" }, ...tools),
    );
  }

  #go(node: number): void {
    this.store.set({ focus: node, selected: node });
  }

  #up(): void {
    const { shown, state } = this.store;
    const above = shown.tree.parent[state.focus];
    if (above >= 0) this.#go(above);
  }

  #choose(): void {
    const { chosen, selected } = this.store.state;
    this.store.set({
      chosen: chosen.includes(selected) ? chosen.filter((node) => node !== selected) : [...chosen, selected],
    });
  }
}

function helpButton(help: Help): HTMLElement {
  const button = element(
    "button",
    { type: "button", class: "quiet", "aria-label": "Help and keys", title: "Help and keys (?)" },
    "?",
  );
  button.addEventListener("click", () => help.open());
  return button;
}
