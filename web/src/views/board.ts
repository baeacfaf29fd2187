import "./board.css";
import { element } from "../page/dom.ts";
import { readInks, type Inks } from "./inks.ts";
import { CanvasPen } from "./pen.ts";

/** Two canvases over one another that fill their place: the picture, and marks on it that change often. */
export class Board {
  readonly element: HTMLElement;
  width = 0;
  height = 0;
  readonly #under = element("canvas", { "aria-hidden": "true" });
  readonly #over = element("canvas", { "aria-hidden": "true" });
  #inks: Inks | null = null;

  /** @param changed called when size or colours of the theme are new */
  constructor(private readonly changed: () => void) {
    this.element = element("div", { class: "board" }, this.#under, this.#over);
    new ResizeObserver(() => {
      const { clientWidth, clientHeight } = this.element;
      if (clientWidth === this.width && clientHeight === this.height) return;
      [this.width, this.height] = [clientWidth, clientHeight];
      if (this.visible) changed();
    }).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.renew());
  }

  get visible(): boolean {
    return this.width > 0 && this.height > 0;
  }

  get inks(): Inks {
    return (this.#inks ??= readInks(this.element));
  }

  /** Reads the colours of the theme again, once the page has taken them on. */
  renew(): void {
    requestAnimationFrame(() => {
      this.#inks = null;
      if (this.visible) this.changed();
    });
  }

  /** A pen for the picture, which is empty now. */
  picture(): CanvasPen {
    return this.#clear(this.#under);
  }

  /** A pen for the marks, which are gone now; all that it draws is seen through as far as told. */
  marks(opacity = 1): CanvasPen {
    this.#over.style.opacity = String(opacity);
    return this.#clear(this.#over);
  }

  /** Where an event is, in CSS pixels from the corner of the board. */
  at(event: MouseEvent): [number, number] {
    const { left, top } = this.element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  #clear(canvas: HTMLCanvasElement): CanvasPen {
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("this browser gives no canvas to draw on");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    return new CanvasPen(context);
  }
}
