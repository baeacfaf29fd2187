import type { Editor } from "../../page/editor.ts";
import { element, plain } from "../../page/dom.ts";
import type { Store } from "../../page/store.ts";

const [CAPTION, MENTION] = [120, 60]; // characters of a name in a list, and in a sentence

/** What the sections of the panel share: names, links, boxes to choose and patches of colour that stay up to date. */
export class PanelContext {
  /** Says a result to all users, on screen and aloud; until another node is selected, or (`stays`) longer. */
  say: (text: string, stays?: boolean) => void = () => undefined;

  constructor(
    readonly store: Store,
    readonly editor: Editor,
  ) {}

  /** The name of a node, kept apart from the direction of the text around it. */
  title(node: number, most = CAPTION): HTMLElement {
    const made = element("bdi", { "data-title": String(node), "data-most": String(most) });
    this.#fillTitle(made);
    return made;
  }

  /** What a node is called, for labels and messages. */
  called(node: number): string {
    return plain(this.store.shown.title(node), MENTION) || "(no name)";
  }

  /** A button that goes to a node; with Ctrl or ⌘ it chooses it. */
  link(node: number, key: string): HTMLButtonElement {
    const made = element("button", { type: "button", class: "node", "data-key": `${key}-${this.store.shown.id(node)}` }, this.title(node));
    made.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey) this.choose(node, !this.store.state.chosen.includes(node));
      else this.go(node);
    });
    for (const [event, hovered] of [["pointerenter", node], ["focus", node], ["pointerleave", null], ["blur", null]] as const) {
      made.addEventListener(event, () => this.store.set({ hovered }));
    }
    return made;
  }

  /** A box that chooses a node for an edit. */
  box(node: number, key: string): HTMLElement {
    const input = element("input", { type: "checkbox", "data-choose": String(node), "data-key": `box-${key}-${this.store.shown.id(node)}` });
    input.checked = this.store.state.chosen.includes(node);
    input.setAttribute("aria-label", `Choose ${this.called(node)}`);
    input.addEventListener("change", () => this.choose(node, input.checked));
    return element("label", { class: "box" }, input);
  }

  /** A patch of the colour that a node has in the other views. */
  swatch(node: number): HTMLElement {
    const made = element("span", { class: "swatch", "aria-hidden": "true", "data-swatch": String(node) });
    this.#fillSwatch(made);
    return made;
  }

  /** Selects a node and moves the other views to it. */
  go(node: number): void {
    const { tree } = this.store.shown;
    this.store.set({ selected: node, focus: tree.isLeaf(node) ? Math.max(tree.parent[node], node) : node, hovered: null });
  }

  choose(node: number, chosen: boolean): void {
    const others = this.store.state.chosen.filter((own) => own !== node);
    this.store.set({ chosen: chosen ? [...others, node] : others });
  }

  /** Brings names, boxes or colours under an element up to date. */
  refresh(root: HTMLElement, what: { names?: boolean; chosen?: boolean; colours?: boolean }): void {
    const each = (attribute: string, fill: (own: HTMLElement) => void): void => root.querySelectorAll<HTMLElement>(`[${attribute}]`).forEach(fill);
    if (what.names) {
      each("data-title", (own) => this.#fillTitle(own));
      each("data-choose", (own) => own.setAttribute("aria-label", `Choose ${this.called(Number(own.dataset.choose))}`));
    }
    if (what.chosen) {
      const chosen = new Set(this.store.state.chosen);
      each("data-choose", (own) => ((own as HTMLInputElement).checked = chosen.has(Number(own.dataset.choose))));
    }
    if (what.colours) each("data-swatch", (own) => this.#fillSwatch(own));
  }

  #fillTitle(made: HTMLElement): void {
    const name = plain(this.store.shown.title(Number(made.dataset.title)), Number(made.dataset.most));
    made.textContent = name || "(no name)";
  }

  #fillSwatch(made: HTMLElement): void {
    const { colours } = this.store;
    made.style.backgroundColor = colours.css("var(--line)")[colours.of(Number(made.dataset.swatch))];
  }
}

/** A part of the panel under a heading. */
export function section(title: string, ...children: readonly (Node | string)[]): HTMLElement {
  return element("section", { class: "part" }, element("h3", {}, title), ...children);
}

/** A count with its noun. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** A share as a percentage that never rounds to nothing. */
export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return `${(100 * share).toLocaleString("en", { maximumFractionDigits: 1 })} %`;
}
