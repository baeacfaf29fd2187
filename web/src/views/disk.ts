import { apply, compose, IDENTITY, translation, type Mobius } from "../core/mobius.ts";
import { Colours } from "../page/colours.ts";
import { element } from "../page/dom.ts";
import type { Change, Store, View } from "../page/store.ts";

/** The Poincaré disk: the tree as geodesics, with names; panning is a translation of the hyperbolic plane. */
export class Disk implements View {
  readonly element: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  #map: Mobius = IDENTITY;

  constructor(private readonly store: Store) {
    this.#canvas = element("canvas", { tabindex: "0", role: "img", "aria-label": "the hierarchy in the Poincaré disk" });
    this.element = element("section", { class: "disk", "aria-label": "Poincaré disk" }, this.#canvas);
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("focus") || changed.has("tree")) this.#centre(this.store.state.focus);
    this.#draw();
  }

  #centre(node: number): void {
    const point = new Float64Array(2);
    this.store.shown.layout.place(node, point, 0);
    this.#map = compose(translation({ re: -point[0], im: -point[1] }), IDENTITY);
  }

  #draw(): void {
    const { shown, state } = this.store;
    const { tree, layout } = shown;
    const ratio = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.element;
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    const context = this.#canvas.getContext("2d");
    if (context === null) return;
    context.scale(ratio, ratio);
    const radius = Math.min(width, height) / 2 - 8;
    context.translate(width / 2, height / 2);
    const colours = new Colours(shown, state.colour, state.k);
    const css = colours.css("#777");
    context.strokeStyle = "#8888";
    context.beginPath();
    context.arc(0, 0, radius, 0, 2 * Math.PI);
    context.stroke();
    const at = (node: number): [number, number] => {
      const point = new Float64Array(2);
      layout.place(node, point, 0);
      const { re, im } = apply(this.#map, { re: point[0], im: point[1] });
      return [re * radius, -im * radius];
    };
    const stack = [tree.root];
    while (stack.length > 0) {
      const node = stack.pop() as number;
      const [x, y] = at(node);
      for (const child of tree.children(node)) {
        const [u, v] = at(child);
        context.strokeStyle = css[colours.of(child)];
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(u, v);
        context.stroke();
        if (tree.size[child] > 1 && Math.hypot(u - x, v - y) > 2) stack.push(child);
      }
    }
  }
}
