import { EditedTree, makesNode, namesOf, type Edit } from "../core/edits.ts";
import { readEdits, writeEdits } from "./edits-file.ts";
import { Shown } from "./shown.ts";
import type { Store } from "./store.ts";

/** A change of the list of edits: what it took from the end, and what it put there. */
interface Step {
  taken: readonly Edit[];
  put: readonly Edit[];
}

/** Where edits are kept from one visit to the next. */
export type Keeper = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The edits of the tree that the page shows: does and undoes them, keeps them in the browser, writes and reads files. */
export class Editor {
  #edits: Edit[] = [];
  #past: Step[] = [];
  #future: Step[] = [];
  /** The tree after all edits, as something to edit further; null: to be made from the first edit on. */
  #state: EditedTree | null = null;
  #note = "";
  readonly #data;
  readonly #keeper: Keeper | null;
  readonly #listeners: (() => void)[] = [];

  constructor(
    private readonly store: Store,
    keeper: Keeper | null = browserStorage(),
  ) {
    this.#data = store.shown.data;
    this.#keeper = keeper;
    if (keeper === null) this.#note = "This browser keeps no edits of this page: save them as a file before you close it.";
    this.#restore();
  }

  get edits(): readonly Edit[] {
    return this.#edits;
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** What the user should know of where edits come from or are kept; "" if nothing. */
  get note(): string {
    return this.#note;
  }

  /** Id that the next new node gets. */
  get next(): number {
    return this.#data.tree.m + this.#edits.filter(makesNode).length;
  }

  /** Does edits, all or none, as one step; gives the reason if they cannot be done. */
  do(...edits: readonly Edit[]): string | null {
    const error = this.#change({ taken: [], put: edits });
    if (error !== null) return error;
    this.#past.push({ taken: [], put: edits });
    this.#future = [];
    this.#changed();
    return null;
  }

  undo(): void {
    this.#step(this.#past, this.#future, ({ taken, put }) => ({ taken: put, put: taken }));
  }

  redo(): void {
    this.#step(this.#future, this.#past, (step) => step);
  }

  /** Takes all edits away; can be undone. */
  reset(): void {
    this.#replace([]);
  }

  /** The edits as the file that `hyperclade apply` takes. */
  json(): string {
    return writeEdits(this.#data.head, this.store.state.k, this.#edits);
  }

  /** Puts the edits of a file in place of the present ones; gives the reason if that cannot be. Can be undone. */
  load(text: string): string | null {
    try {
      const { edits, cut } = readEdits(text, this.#data.head);
      const error = this.#replace(edits);
      if (error === null && cut !== null) this.store.set({ k: Math.min(cut, this.store.shown.tree.n) });
      return error;
    } catch (error) {
      return message(error);
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #replace(edits: readonly Edit[]): string | null {
    if (edits.length === 0 && this.#edits.length === 0) return null;
    const step = { taken: [...this.#edits], put: edits };
    const error = this.#change(step);
    if (error !== null) return error;
    this.#past.push(step);
    this.#future = [];
    this.#changed();
    return null;
  }

  #step(from: Step[], to: Step[], way: (step: Step) => Step): void {
    const step = from.pop();
    if (step === undefined) return;
    this.#change(way(step));
    to.push(step);
    this.#changed();
  }

  /** Changes the list and the tree that is shown; after an error all is as before. */
  #change({ taken, put }: Step): string | null {
    const edits = [...this.#edits.slice(0, this.#edits.length - taken.length), ...put];
    const { tree } = this.#data;
    let state = this.#state;
    try {
      if (taken.some(({ op }) => op !== "rename")) state = null;
      if (state === null) {
        state = new EditedTree(tree);
        applyAll(state, edits, 0);
      } else applyAll(state, put, edits.length - put.length);
    } catch (error) {
      this.#state = null; // an edit may be half done
      return message(error);
    }
    this.#edits = edits;
    this.#state = state;
    const names = namesOf(edits, tree.m);
    if ([...taken, ...put].every(({ op }) => op === "rename")) {
      this.store.shown.rename(names);
      this.store.tell("names");
    } else if (edits.every(({ op }) => op === "rename")) {
      this.store.show(new Shown(this.store.page, this.#data, { tree, leaves: null, origin: null, names }));
    } else {
      this.store.show(new Shown(this.store.page, this.#data, { ...state.tree(), names }));
    }
    return null;
  }

  #changed(): void {
    this.#keep();
    for (const listener of this.#listeners) listener();
  }

  get #key(): string {
    return `hyperclade-edits:${this.#data.head.fingerprint}`;
  }

  #keep(): void {
    if (this.#keeper === null) return;
    try {
      if (this.#edits.length === 0) this.#keeper.removeItem(this.#key);
      else this.#keeper.setItem(this.#key, this.json());
    } catch {
      this.#note = "This browser has no room to keep the edits: save them as a file before you close the page.";
    }
  }

  #restore(): void {
    let text: string | null = null;
    try {
      text = this.#keeper?.getItem(this.#key) ?? null;
    } catch {
      this.#note = "This browser does not give kept edits back: save new ones as a file before you close the page.";
    }
    if (text === null) return;
    let error: string | null;
    let edits: Edit[] = [];
    try {
      ({ edits } = readEdits(text, this.#data.head));
      error = this.#change({ taken: [], put: edits });
    } catch (failure) {
      error = message(failure);
    }
    if (error === null) {
      this.#past = edits.map((edit) => ({ taken: [], put: [edit] }));
      const count = edits.length === 1 ? "1 edit" : `${edits.length} edits`;
      this.#note = `${count} of an earlier visit ${edits.length === 1 ? "was" : "were"} kept in this browser and done again.`;
    } else {
      this.#note = `Edits that this browser kept could not be done again (${error}); they are left out.`;
    }
  }
}

function applyAll(state: EditedTree, edits: readonly Edit[], before: number): void {
  edits.forEach((edit, at) => {
    try {
      state.apply(edit);
    } catch (error) {
      throw new Error(`edit ${before + at + 1} (${edit.op}): ${message(error)}`);
    }
  });
}

/** The browser's storage, null where it gives none, as to pages from disk in some. */
function browserStorage(): Keeper | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
