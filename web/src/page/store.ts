import type { PageData } from "./data.ts";
import { Colours } from "./colours.ts";
import type { Shown } from "./shown.ts";

/** The lower or side view. */
export type Side = "icicle" | "treemap" | "matrix" | "pair";

/** All that a user can change but the edits; what is in the URL hash. Nodes are ids of the shown tree. */
export interface State {
  /** The node in the middle of the disk, whose subtree the icicle shows. */
  focus: number;
  /** The node that the panel tells of. */
  selected: number;
  /** Nodes chosen for an edit or an export, besides the selected one. */
  chosen: readonly number[];
  hovered: number | null;
  /** Clusters of the cut. */
  k: number;
  /** Clusters of fewer leaves are not counted, and are grey where colours are those of clusters. */
  least: number;
  /** "branch", "layer", "agreement" (with the other tree) or the title of a column. */
  colour: string;
  side: Side;
  query: string;
  theme: "auto" | "light" | "dark";
}

/** What may change: a field of the state, the tree (by an edit), the names that have been read, the colours. */
export type Change = keyof State | "tree" | "names";

/** Everything there is to change: what a view is told when it is first shown. */
export const ALL: ReadonlySet<Change> = new Set<Change>([
  "focus", "selected", "chosen", "hovered", "k", "least", "colour", "side", "query", "theme", "tree", "names",
]);

type Listener = (changed: ReadonlySet<Change>) => void;

/** Holds the state and tells views what has changed, once a frame. */
export class Store {
  #state: State;
  #shown: Shown;
  readonly #listeners: Listener[] = [];
  #pending = new Set<Change>();
  #waiting = false;
  #colours: Colours | undefined;

  constructor(
    readonly page: PageData,
    shown: Shown,
    state: State,
  ) {
    this.#shown = shown;
    this.#state = state;
  }

  get state(): Readonly<State> {
    return this.#state;
  }

  /** The tree as it is shown now. */
  get shown(): Shown {
    return this.#shown;
  }

  /** Colours of what is shown now, the same for all views. */
  get colours(): Colours {
    const { colour, k, least } = this.#state;
    if (this.#colours?.is(this.#shown, colour, k, least) !== true) {
      this.#colours = new Colours(this.#shown, colour, k, least);
    }
    return this.#colours;
  }

  on(listener: Listener): void {
    this.#listeners.push(listener);
  }

  set(patch: Partial<State>): void {
    for (const key of Object.keys(patch) as (keyof State)[]) {
      if (patch[key] !== this.#state[key]) this.#pending.add(key);
    }
    this.#state = { ...this.#state, ...patch };
    this.#soon();
  }

  /** Another tree is shown; nodes of the state that are gone give way to the nearest that is left. */
  show(shown: Shown): void {
    const before = this.#shown;
    const kept = (node: number): number => {
      for (let v = node; v >= 0; v = before.tree.parent[v]) {
        const now = shown.node(before.id(v));
        if (now !== null) return now;
      }
      return shown.tree.root;
    };
    const { state } = this;
    const patch = {
      focus: kept(state.focus),
      selected: kept(state.selected),
      chosen: state.chosen.map((node) => shown.node(before.id(node))).filter((node): node is number => node !== null),
      hovered: null,
      k: Math.min(state.k, shown.tree.n),
      least: Math.min(state.least, shown.tree.n),
    };
    this.#shown = shown;
    this.#state = { ...state, ...patch };
    for (const key of Object.keys(patch) as Change[]) this.#pending.add(key);
    this.#pending.add("tree");
    this.#soon();
  }

  /** Tells views of something that is not in the state. */
  tell(change: Change): void {
    this.#pending.add(change);
    this.#soon();
  }

  /** Reads names of leaves and tells views when new ones are there. */
  need(leaves: Iterable<number>): void {
    void this.#shown.load(leaves).then((news) => {
      if (news) this.tell("names");
    });
  }

  #soon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      const changed = this.#pending;
      this.#pending = new Set();
      for (const listener of this.#listeners) listener(changed);
    });
  }
}

/** A part of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Draws anew what depends on the changes. */
  update(changed: ReadonlySet<Change>): void;
  /** The view as an SVG document, where it is a picture. */
  svg?(): string;
  /** Keys that it answers to while it has the focus and what they do, for the help. */
  readonly keys?: readonly (readonly [string, string])[];
}
