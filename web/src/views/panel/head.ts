import { element, plain } from "../../page/dom.ts";
import type { Shown } from "../../page/shown.ts";
import type { Change, View } from "../../page/store.ts";
import { count, percent, type PanelContext } from "./context.ts";

const NEAREST = 4; // steps of a long way that are shown at its end

/** Name, way and numbers of the selected node. */
export class NodeHead implements View {
  readonly element: HTMLElement;
  readonly #path = element("ol", {});
  readonly #heading = element("h2", { tabindex: "-1" });
  readonly #rename = element("button", { type: "button", class: "rename", "data-key": "rename" }, "Rename");
  readonly #form: HTMLFormElement;
  readonly #input = element("input", { type: "text", id: "panel-name", dir: "auto", autocomplete: "off" });
  readonly #facts = element("dl", { class: "facts" });
  readonly #costs = new WeakMap<Shown, Float64Array>();

  constructor(private readonly context: PanelContext) {
    const cancel = element("button", { type: "button" }, "Cancel");
    this.#form = element(
      "form",
      { class: "renaming" },
      element("label", { for: "panel-name" }, "New name; nothing takes the name away"),
      this.#input,
      element("button", { type: "submit" }, "Rename"),
      cancel,
    );
    this.#form.hidden = true;
    this.#rename.addEventListener("click", () => this.#open(true));
    cancel.addEventListener("click", () => this.#open(false));
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#open(false);
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    const path = element("nav", { class: "path", "aria-label": "Way from the top" }, this.#path);
    this.element = element("header", {}, path, element("div", { class: "name" }, this.#heading, this.#rename), this.#form, this.#facts);
  }

  update(changed: ReadonlySet<Change>): void {
    if (!changed.has("selected") && !changed.has("tree")) return;
    const { shown, state } = this.context.store;
    const node = state.selected;
    if (!this.#form.hidden && changed.has("selected")) this.#form.hidden = true;
    this.#rename.hidden = !this.#form.hidden;
    this.#heading.replaceChildren(this.context.title(node, 160));
    this.#showPath(shown.tree.path(node).slice(0, -1));
    if (shown.tree.isLeaf(node)) this.context.store.need([node]);
    this.#facts.replaceChildren(...this.#told(node).flatMap(([title, text]) => [element("dt", {}, title), element("dd", {}, text)]));
  }

  /** Puts the focus on the name, when what had it is gone. */
  focus(): void {
    this.#heading.focus({ preventScroll: true });
  }

  #showPath(path: readonly number[]): void {
    const long = path.length > NEAREST + 2;
    const step = (node: number): HTMLElement => element("li", {}, this.context.link(node, "path"));
    const steps = (long ? [path[0], ...path.slice(-NEAREST)] : path).map(step);
    if (long) steps.splice(1, 0, element("li", { class: "left-out" }, `… ${count(path.length - NEAREST - 1, "level")} …`));
    this.#path.replaceChildren(...steps);
    this.#path.parentElement?.toggleAttribute("hidden", path.length === 0);
  }

  #told(node: number): [string, string][] {
    const { shown } = this.context.store;
    const { tree } = shown;
    const level = tree.depth[node];
    const below = level === 0 ? "the top" : `${level.toLocaleString("en")} below the top`;
    if (tree.isLeaf(node)) return [["Level", below]];
    const facts: [string, string][] = [
      ["Samples", `${tree.size[node].toLocaleString("en")} (${percent(tree.size[node] / tree.n)})`],
      ["Level", below],
      ["Height", tree.height[node].toLocaleString("en", { maximumSignificantDigits: 4 })],
    ];
    const own = shown.cost(node);
    if (own !== null) facts.push(["Cost", `${percent(own)} by itself, ${percent(this.#costBelow(shown)[node])} with all below`]);
    else if (shown.data.cost(shown.data.tree.root) !== null) facts.push(["Cost", "not known after edits"]);
    return facts;
  }

  /** Share of the cost that the subtree of each node pays, (m). */
  #costBelow(shown: Shown): Float64Array {
    let sums = this.#costs.get(shown);
    if (sums === undefined) {
      const { tree } = shown;
      sums = new Float64Array(tree.m);
      for (let v = tree.n; v < tree.m; v++) {
        sums[v] += shown.cost(v) ?? 0;
        if (v < tree.root) sums[tree.parent[v]] += sums[v];
      }
      this.#costs.set(shown, sums);
    }
    return sums;
  }

  #open(open: boolean): void {
    const { shown, state } = this.context.store;
    this.#form.hidden = !open;
    this.#rename.hidden = open;
    if (open) {
      this.#input.value = shown.name(state.selected);
      this.#input.focus();
      this.#input.select();
    } else this.#rename.focus();
  }

  #submit(): void {
    const { store, editor } = this.context;
    const node = store.state.selected;
    const name = this.#input.value;
    this.#open(false);
    if (name === store.shown.name(node)) return;
    const before = this.context.called(node);
    const error = editor.do({ op: "rename", node: store.shown.id(node), name });
    this.context.say(error ?? (name === "" ? `${before} has lost its name.` : `${before} is called ${plain(name, 80)} now.`));
  }
}
