import { element } from "../page/dom.ts";

const MOST = 460; // pixels high

/** An entry of a menu. */
export interface MenuItem {
  title: string;
  /** What there is to know of it, below its title. */
  hint?: string;
  disabled?: boolean;
  act: () => void;
}

/** A button that opens a menu, whose entries are made when it opens. */
export class Menu {
  readonly element: HTMLElement;
  readonly #list: HTMLElement;

  constructor(
    readonly button: HTMLButtonElement,
    title: string,
    private readonly items: () => readonly MenuItem[],
  ) {
    button.setAttribute("aria-haspopup", "menu");
    button.setAttribute("aria-expanded", "false");
    this.#list = element("div", {
      class: "popup popup-menu",
      role: "menu",
      "aria-label": title,
      hidden: true,
    });
    this.element = element("div", { class: "menu-place" }, button, this.#list);
    button.addEventListener("click", () => (this.#list.hidden ? this.#open() : this.#close()));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      this.#open();
    });
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.#close(false);
    });
  }

  #open(): void {
    const entries = this.items().map((item) => this.#entry(item));
    this.#list.replaceChildren(...entries);
    this.#list.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    placeBelow(this.#list, this.button);
    entries[0]?.focus();
  }

  #close(back = true): void {
    if (this.#list.hidden) return;
    this.#list.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (back) this.button.focus();
  }

  #entry({ title, hint, disabled, act }: MenuItem): HTMLButtonElement {
    const entry = element("button", {
      type: "button",
      role: "menuitem",
      tabindex: "-1",
      "aria-disabled": String(disabled === true),
    });
    entry.append(element("span", {}, title));
    if (hint !== undefined) entry.append(element("small", {}, hint));
    entry.addEventListener("click", () => {
      if (disabled === true) return;
      this.#close();
      act();
    });
    return entry;
  }

  #key(event: KeyboardEvent): void {
    const entries = [...this.#list.children] as HTMLElement[];
    const at = entries.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      entries.at(to % entries.length)?.focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      this.#close();
    }
  }
}

/** Puts a popup below an element, within the window. */
export function placeBelow(popup: HTMLElement, anchor: HTMLElement): void {
  const from = anchor.getBoundingClientRect();
  const own = popup.getBoundingClientRect();
  const left = Math.max(8, Math.min(from.left, innerWidth - own.width - 8));
  const top = from.bottom + 4;
  popup.style.left = `${left}px`;
  popup.style.top = `${top}px`;
  popup.style.maxHeight = `${Math.max(Math.min(innerHeight - top - 8, MOST), 120)}px`;
}
