import { element } from "../page/dom.ts";

const STAYS = 8000; // milliseconds

/** A line at the foot of the page for what has happened or gone wrong. */
export class Notice {
  readonly element = element("div", { class: "notice", role: "status", "aria-live": "polite", hidden: true });
  #timer = 0;

  say(text: string): void {
    this.element.textContent = text;
    this.element.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.element.hidden = true), STAYS) as unknown as number;
  }

  /** Tells of errors that nothing else has caught. */
  watch(): void {
    const tell = (reason: unknown): void =>
      this.say(reason instanceof Error ? reason.message : String(reason));
    addEventListener("error", (event) => {
      if (event.error !== undefined && event.error !== null) tell(event.error); // not of a ResizeObserver's loop
    });
    addEventListener("unhandledrejection", (event) => tell(event.reason));
  }
}
