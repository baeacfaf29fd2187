import { makesNode, type Edit } from "../../core/edits.ts";
import type { Hierarchy } from "../../core/tree.ts";
import { element } from "../../page/dom.ts";
import type { Change, View } from "../../page/store.ts";
import { count, type PanelContext } from "./context.ts";

const MOST_CHIPS = 12;

/** What a button would do now: a sentence, the edits, and what is said then; or why it cannot. */
type Offer = { can: true; about: string; edits: Edit[]; done: string } | { can: false; about: string };

interface Button {
  button: HTMLButtonElement;
  about: HTMLElement;
  offer: () => Offer;
}

/** The nodes chosen, and what can be done with them and with the selected one. */
export class Actions implements View {
  readonly element: HTMLElement;
  readonly #chosen = element("div", { class: "chosen" });
  readonly #buttons: Button[] = [];
  readonly #list = element("ul", { class: "actions" });

  constructor(private readonly context: PanelContext) {
    this.element = element("div", {}, this.#chosen, this.#list);
    this.#add("Move to …", () => this.#moveTo());
    this.#add("Merge chosen", () => this.#merge());
    this.#add("Move chosen here", () => this.#move());
    this.#add("Split off chosen", () => this.#split());
    this.#add("Dissolve", () => this.#dissolve());
    this.#add("Keep only", () => this.#keepOrDrop("keep"));
    this.#add("Drop", () => this.#keepOrDrop("drop"));
  }

  update(changed: ReadonlySet<Change>): void {
    if (!["selected", "chosen", "tree", "names"].some((own) => changed.has(own as Change))) return;
    if (changed.has("chosen") || changed.has("tree")) this.#showChosen();
    for (const { button, about, offer } of this.#buttons) {
      const { can, about: text } = offer();
      button.setAttribute("aria-disabled", String(!can));
      about.textContent = text;
    }
  }

  #add(title: string, offer: () => Offer): void {
    const id = `panel-about-${this.#buttons.length}`;
    const button = element("button", { type: "button", class: "action", "aria-describedby": id, "data-key": id }, title);
    const about = element("span", { class: "about", id });
    button.addEventListener("click", () => this.#run(offer()));
    this.#buttons.push({ button, about, offer });
    this.#list.append(element("li", {}, button, about));
  }

  #run(offer: Offer): void {
    const { store, editor } = this.context;
    if (!offer.can) return this.context.say(`Not possible: ${offer.about}.`);
    if (offer.edits.length === 0) {
      store.set({ chosen: [store.state.selected] });
      return this.context.say(offer.done, true);
    }
    const made = editor.next;
    const error = editor.do(...offer.edits);
    if (error !== null) return this.context.say(`Not done: ${error}.`);
    store.set({ chosen: [] });
    const node = offer.edits.some(makesNode) ? store.shown.node(made) : null;
    if (node !== null) this.context.go(node);
    this.context.say(`${offer.done} “Undo” takes it back.`);
  }

  #showChosen(): void {
    const { store } = this.context;
    const { chosen } = store.state;
    const clear = element("button", { type: "button", class: "more", "data-key": "clear" }, "Choose none");
    clear.addEventListener("click", () => store.set({ chosen: [] }));
    if (chosen.length === 0) {
      return this.#chosen.replaceChildren(element("p", { class: "about" }, "Nothing is chosen. Choose by the boxes in the lists, or with Ctrl or ⌘ and a click."));
    }
    const chips = chosen.slice(0, MOST_CHIPS).map((node) => {
      const remove = element("button", { type: "button", class: "remove", "aria-label": `Do not choose ${this.context.called(node)}`, "data-key": `chip-${store.shown.id(node)}` }, "×");
      remove.addEventListener("click", () => this.context.choose(node, false));
      return element("li", {}, this.context.title(node, 30), remove);
    });
    if (chosen.length > MOST_CHIPS) chips.push(element("li", {}, `and ${(chosen.length - MOST_CHIPS).toLocaleString("en")} more`));
    this.#chosen.replaceChildren(element("p", { class: "about" }, `${count(chosen.length, "node")} chosen: `, clear), element("ul", { class: "chips", "aria-label": "Chosen" }, ...chips));
  }

  #merge(): Offer {
    const { shown, state } = this.context.store;
    const { tree } = shown;
    const { chosen, selected } = state;
    if (chosen.length === 0) return no("choose nodes that stand beside each other first");
    const above = tree.parent[chosen[0]];
    if (above < 0 || chosen.some((node) => tree.parent[node] !== above)) return no("the chosen ones do not all stand beside each other");
    const nodes = tree.parent[selected] === above && !chosen.includes(selected) ? [...chosen, selected] : [...chosen];
    if (nodes.length < 2) return no("choose one more beside it");
    if (nodes.length === tree.children(above).length) return no(`these are all parts of ${this.context.called(above)}, which is their group already`);
    const own = nodes.length > chosen.length ? `${chosen.length} chosen and this` : `${nodes.length} chosen`;
    return yes(`makes one group of the ${own}`, `${count(nodes.length, "node")} are one group now.`, { op: "merge", nodes: this.#ids(nodes) });
  }

  #move(): Offer {
    const { shown, state } = this.context.store;
    const { tree } = shown;
    const to = state.selected;
    if (state.chosen.length === 0) return no("choose what shall go here first");
    if (tree.isLeaf(to)) return no("this is a single sample; go to a group");
    if (state.chosen.some((node) => tree.holds(node, to))) return no("a chosen node holds this group, or is it");
    const nodes = tops(tree, state.chosen).filter((node) => tree.parent[node] !== to);
    if (nodes.length === 0) return no("the chosen ones are here already");
    return yes(
      `puts ${count(nodes.length, "chosen node")} into ${this.context.called(to)}`,
      `${count(nodes.length, "node")} moved to ${this.context.called(to)}.`,
      ...nodes.map((node): Edit => ({ op: "move", node: shown.id(node), to: shown.id(to) })),
    );
  }

  /** Moves nothing yet: chooses the selected node, for which a target is to be selected. */
  #moveTo(): Offer {
    const { shown, state } = this.context.store;
    if (state.selected === shown.tree.root) return no("this is the top, which holds everything");
    const name = this.context.called(state.selected);
    return yes("chooses this; at its new group, press “Move chosen here”", `${name} is chosen. Go to the group that it shall be in and press “Move chosen here”.`);
  }

  #split(): Offer {
    const { shown, state } = this.context.store;
    const { tree } = shown;
    const node = state.selected;
    if (tree.isLeaf(node)) return no("this is a single sample");
    if (node === tree.root) return no("this is the top, which has nothing beside it; merge the chosen ones instead");
    const inside = state.chosen.filter((own) => own !== node && tree.holds(node, own));
    if (inside.length === 0) return no("choose parts or samples of this group first");
    if (inside.length < state.chosen.length) return no("not all of the chosen are in this group");
    const nodes = tops(tree, inside);
    if (nodes.reduce((sum, own) => sum + tree.size[own], 0) === tree.size[node]) return no("these are all samples of this group; some must stay");
    return yes(`puts ${count(nodes.length, "chosen node")} beside this group`, `${count(nodes.length, "node")} split off.`, { op: "split", node: shown.id(node), nodes: this.#ids(nodes) });
  }

  #dissolve(): Offer {
    const { shown, state } = this.context.store;
    const node = state.selected;
    if (shown.tree.isLeaf(node)) return no("this is a single sample");
    if (node === shown.tree.root) return no("this is the top, which cannot be dissolved");
    const parts = shown.tree.children(node).length;
    return yes(`puts its ${count(parts, "part")} in its place`, `${this.context.called(node)} is dissolved.`, { op: "dissolve", node: shown.id(node) });
  }

  #keepOrDrop(op: "keep" | "drop"): Offer {
    const { shown, state } = this.context.store;
    const { tree } = shown;
    const nodes = tops(tree, state.chosen.length > 0 ? state.chosen : [state.selected]);
    const samples = nodes.reduce((sum, node) => sum + tree.size[node], 0);
    const what = state.chosen.length > 0 ? "the chosen" : "this";
    if (samples === tree.n) return no(op === "keep" ? "this is the whole tree" : "no sample would be left");
    const edit: Edit = { op, nodes: this.#ids(nodes) };
    if (op === "keep") return yes(`keeps ${what} (${count(samples, "sample")}) and drops all else`, `${count(samples, "sample")} kept.`, edit);
    return yes(`takes ${what} (${count(samples, "sample")}) out of the tree`, `${count(samples, "sample")} dropped.`, edit);
  }

  #ids(nodes: readonly number[]): number[] {
    return nodes.map((node) => this.context.store.shown.id(node));
  }
}

/** Nodes without those that lie below another, in depth-first order. */
function tops(tree: Hierarchy, nodes: readonly number[]): number[] {
  let end = 0;
  // Of nodes with the same leaves, upper ones have larger ids.
  const outer = (a: number, b: number): number => tree.start[a] - tree.start[b] || tree.size[b] - tree.size[a] || b - a;
  return [...nodes].sort(outer).filter((node) => {
    if (tree.start[node] < end) return false;
    end = tree.start[node] + tree.size[node];
    return true;
  });
}

function yes(about: string, done: string, ...edits: Edit[]): Offer {
  return { can: true, about, edits, done };
}

function no(about: string): Offer {
  return { can: false, about };
}
