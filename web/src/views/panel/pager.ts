import { element } from "../../page/dom.ts";

/** A list of any length, a page at a time. */
export class PagedList {
  readonly element: HTMLElement;
  readonly #list: HTMLUListElement;
  readonly #told = element("span", { class: "told" });
  readonly #nav: HTMLElement;
  readonly #back: HTMLButtonElement;
  readonly #on: HTMLButtonElement;
  readonly #number: HTMLInputElement;
  #count = 0;
  #page = 0;
  #row: (at: number) => HTMLLIElement = () => element("li");
  #need: (from: number, to: number) => void = () => undefined;

  constructor(
    private readonly per: number,
    label: string,
    kind: "rows" | "cards" = "rows",
  ) {
    this.#list = element("ul", { class: kind, "aria-label": label });
    this.#back = element("button", { type: "button", "aria-label": `Previous page of ${label.toLowerCase()}`, "data-key": `back-${label}` }, "‹");
    this.#on = element("button", { type: "button", "aria-label": `Next page of ${label.toLowerCase()}`, "data-key": `on-${label}` }, "›");
    this.#number = element("input", { type: "number", min: "1", "aria-label": `Page of ${label.toLowerCase()}`, "data-key": `page-${label}` });
    this.#back.addEventListener("click", () => this.#turn(this.#page - 1));
    this.#on.addEventListener("click", () => this.#turn(this.#page + 1));
    this.#number.addEventListener("change", () => this.#turn(Math.round(this.#number.valueAsNumber || 1) - 1));
    this.#nav = element("div", { class: "pager", role: "group", "aria-label": `Pages of ${label.toLowerCase()}` }, this.#told, this.#back, this.#number, this.#on);
    this.element = element("div", {}, this.#list, this.#nav);
  }

  /** Shows so many rows, each made when its page is seen; `need` is told which ones are. */
  show(count: number, row: (at: number) => HTMLLIElement, need: (from: number, to: number) => void, page = 0): void {
    this.#count = count;
    this.#row = row;
    this.#need = need;
    this.#turn(page);
  }

  get page(): number {
    return this.#page;
  }

  #turn(page: number): void {
    const pages = Math.max(1, Math.ceil(this.#count / this.per));
    this.#page = Math.min(Math.max(page, 0), pages - 1);
    const from = this.#page * this.per;
    const to = Math.min(from + this.per, this.#count);
    this.#list.replaceChildren(...Array.from({ length: to - from }, (_, at) => this.#row(from + at)));
    this.#need(from, to);
    this.#nav.hidden = pages === 1;
    this.#told.textContent = `${(from + 1).toLocaleString("en")}–${to.toLocaleString("en")} of ${this.#count.toLocaleString("en")}`;
    this.#number.max = String(pages);
    this.#number.value = String(this.#page + 1);
    // A button that is switched off while it has the focus would lose it.
    for (const [button, off] of [[this.#back, this.#page === 0], [this.#on, this.#page === pages - 1]] as const) {
      button.setAttribute("aria-disabled", String(off));
    }
  }
}
