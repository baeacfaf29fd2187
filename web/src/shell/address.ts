import { fromHash, toHash, type Kept } from "../page/hash.ts";
import type { Change, State, Store } from "../page/store.ts";

const SOON = 300; // milliseconds between two changes of the URL, of which browsers allow only some
const KEPT: readonly Change[] = ["focus", "selected", "k", "least", "colour", "side", "query", "theme"];

/** Keeps the state in the URL hash; the browser's back and forward go from one focus to another. */
export class Address {
  #works = true;
  #focus: number;
  #timer = 0;

  constructor(
    private readonly store: Store,
    private readonly start: Kept,
  ) {
    this.#focus = store.shown.id(start.focus);
    addEventListener("popstate", () => {
      clearTimeout(this.#timer);
      this.restore();
    });
  }

  /** Takes the state from the hash. */
  restore(): void {
    const state: Partial<State> = fromHash(location.hash, this.start, this.store.shown);
    this.store.set(state);
    this.#focus = this.store.shown.id(this.store.state.focus);
  }

  update(changed: ReadonlySet<Change>): void {
    if (!KEPT.some((own) => changed.has(own))) return;
    const focus = this.store.shown.id(this.store.state.focus);
    const moved = focus !== this.#focus;
    this.#focus = focus;
    clearTimeout(this.#timer);
    if (moved) this.#write("pushState");
    else this.#timer = setTimeout(() => this.#write("replaceState"), SOON) as unknown as number;
  }

  #write(how: "pushState" | "replaceState"): void {
    if (!this.#works) return;
    const hash = toHash(this.store.state, this.start, this.store.shown);
    if (hash === location.hash) return;
    try {
      // An empty hash would leave the URL as it is.
      history[how](null, "", hash === "" ? location.href.split("#")[0] : hash);
    } catch {
      this.#works = false; // a frame without an address of its own
    }
  }
}
