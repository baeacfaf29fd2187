import { TextSearch, type Fit, type Texts } from "../core/search.ts";
import type { Shown } from "./shown.ts";

const PER = 8192;

/** Nodes found, the best first. */
export class Found {
  readonly #inner: number[][] = [[], [], [], []];
  readonly #leaves: number[][] = [[], [], [], []];
  readonly #seen = new Set<number>();
  count = 0;

  constructor(private readonly shown: Shown) {}

  add(node: number, fit: Fit): void {
    if (this.#seen.has(node)) return;
    this.#seen.add(node);
    (this.shown.tree.isLeaf(node) ? this.#leaves : this.#inner)[fit].push(node);
    this.count++;
  }

  /** The first nodes: by fit; of one fit, inner nodes before leaves and the larger first. */
  best(most: number): number[] {
    const { size } = this.shown.tree;
    const nodes: number[] = [];
    for (let fit = 0; fit < 4 && nodes.length < most; fit++) {
      nodes.push(...[...this.#inner[fit]].sort((a, b) => size[b] - size[a]).slice(0, most - nodes.length));
      nodes.push(...this.#leaves[fit].slice(0, most - nodes.length));
    }
    return nodes;
  }
}

/** Finds nodes and leaves of a tree by name, id and number. */
export class Finder {
  readonly #leafNames: TextSearch | null;
  readonly #leafIds: TextSearch | null;
  #named: { given: ReadonlyMap<number, string>; ids: number[]; search: TextSearch } | undefined;

  constructor(shown: Shown) {
    const { names, ids } = shown.page;
    this.#leafNames = names === null ? null : new TextSearch(names);
    this.#leafIds = ids === null ? null : new TextSearch(ids);
  }

  /** Searches all; tells now and then of what has been found so far, and of the rest at the end. */
  async find(
    query: string,
    shown: Shown,
    signal: AbortSignal,
    tell: (found: Found, done: boolean) => void,
  ): Promise<void> {
    const found = new Found(shown);
    const add = (id: number, fit: Fit): void => {
      const node = shown.node(id);
      if (node !== null) found.add(node, fit);
    };
    const number = /^\s*#?(\d{1,9})\s*$/.exec(query)?.[1];
    if (number !== undefined && this.#leafIds === null && Number(number) < shown.data.tree.n)
      add(Number(number), 0);
    const { ids, search } = this.#nodes(shown);
    for await (const hits of search.find(query, signal))
      for (const { place, fit } of hits) add(ids[place], fit);
    for (const leaves of [this.#leafNames, this.#leafIds]) {
      if (leaves === null) continue;
      for await (const hits of leaves.find(query, signal)) {
        for (const { place, fit } of hits) {
          const renamed = leaves === this.#leafNames && shown.given.has(place);
          if (!renamed) add(place, fit);
        }
        if (hits.length > 0 && !signal.aborted) tell(found, false);
      }
    }
    if (!signal.aborted) tell(found, true);
  }

  /** Names of inner nodes, and those that edits gave. */
  #nodes(shown: Shown): { ids: number[]; search: TextSearch } {
    const { given } = shown;
    if (this.#named?.given !== given) {
      const names = new Map([...shown.data.named(), ...given]);
      this.#named = { given, ids: [...names.keys()], search: new TextSearch(inBlocks([...names.values()])) };
    }
    return this.#named;
  }
}

function inBlocks(strings: readonly string[]): Texts {
  return {
    per: PER,
    blocks: Math.ceil(strings.length / PER),
    block: (number) => Promise.resolve(strings.slice(number * PER, (number + 1) * PER)),
  };
}
