import { element } from "../page/dom.ts";
import type { Change, Store, View } from "../page/store.ts";

/** How many nodes are chosen, and the way to choose none. */
export class ChosenCount implements View {
  readonly element = element("div", { class: "chosen-count", hidden: true });
  readonly #count = element("span", { role: "status" });

  constructor(private readonly store: Store) {
    const clear = element("button", { type: "button", class: "quiet" }, "Clear");
    clear.addEventListener("click", () => store.set({ chosen: [] }));
    this.element.append(this.#count, clear);
  }

  update(changed: ReadonlySet<Change>): void {
    if (!changed.has("chosen")) return;
    const count = this.store.state.chosen.length;
    this.element.hidden = count === 0;
    this.#count.textContent = `${count.toLocaleString("en")} chosen`;
  }
}
