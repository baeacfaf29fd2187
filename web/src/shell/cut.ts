import { CutScale, type Measure } from "../core/scale.ts";
import { element, plain } from "../page/dom.ts";
import { ALL, type Change, type Store, type View } from "../page/store.ts";
import { icon } from "./icons.ts";

const THUMB = 16; // pixels wide, as in the style
const SNAP = 7; // pixels within which a layer draws the thumb to it
const APART = 8; // pixels between two titles
const TALL = 880; // pixels of height from which the curves have room

/** The slider that cuts the tree, by count or by height, with the layers as stops and the curves below it. */
export class CutBar implements View {
  readonly element: HTMLElement;
  readonly #slider = element("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "any",
    "aria-label": "Cut",
  });
  readonly #ticks = element("div", { class: "cut-ticks" });
  readonly #track: HTMLElement;
  readonly #unit = element("span");
  readonly #field = element("input", { type: "number", id: "cut-field", min: "0", step: "any" });
  readonly #least = element("input", { type: "number", id: "cut-least", min: "1", step: "1" });
  readonly #told = element("output", { for: "cut-field cut-least" });
  #by: Measure = "count";
  #scale: CutScale;

  constructor(
    private readonly store: Store,
    private readonly curves: View | null,
  ) {
    this.#scale = new CutScale(store.shown.cuts, this.#by);
    const place = element("div", { class: "curves-place", id: "curves", hidden: true });
    this.#track = element("div", { class: "cut-track" }, this.#slider, this.#ticks, place);
    this.element = element(
      "section",
      { class: "cut-bar", "aria-label": "Cut of the tree" },
      this.#switch(),
      this.#track,
      element("label", { for: "cut-field" }, this.#unit, this.#field),
      element(
        "label",
        {
          for: "cut-least",
          title: "Smaller clusters are not counted, and grey where colours are those of clusters",
        },
        "of at least",
        this.#least,
        "samples",
      ),
      this.#told,
    );
    if (curves !== null && !curves.element.hidden) {
      place.append(curves.element);
      this.element.append(this.#curvesButton(place));
    }
    this.#slider.addEventListener("input", () => this.#slide());
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#field.addEventListener("change", () => this.#typed());
    this.#least.addEventListener("change", () => {
      const least = Math.round(this.#least.valueAsNumber);
      store.set({ least: Math.max(1, Math.min(least || 1, store.shown.tree.n)) });
      this.#least.value = String(store.state.least);
    });
    new ResizeObserver(() => this.#placeTicks()).observe(this.#track);
  }

  /** To the next finer or coarser cut. */
  step(by: 1 | -1): void {
    this.store.set({ k: this.#scale.next(this.store.state.k, by) });
  }

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("tree")) {
      this.#scale = new CutScale(this.store.shown.cuts, this.#by);
      this.#drawTicks();
    }
    if (changed.has("tree") || changed.has("k") || changed.has("least")) this.#draw();
    if (this.curves?.element.parentElement?.hidden === false) this.curves.update(changed);
  }

  #switch(): HTMLElement {
    const choices = (["count", "height"] as const).map((by) => {
      const input = element("input", { type: "radio", name: "cut-by", value: by, checked: by === this.#by });
      input.addEventListener("change", () => this.#measure(by));
      return element("label", {}, input, element("span", {}, by === "count" ? "Count" : "Height"));
    });
    return element("fieldset", { class: "measure" }, element("legend", {}, "Cut by"), ...choices);
  }

  #curvesButton(place: HTMLElement): HTMLElement {
    const button = element(
      "button",
      { type: "button", class: "quiet", "aria-controls": "curves", "aria-expanded": "false" },
      "Curves",
    );
    const turn = (): void => {
      place.hidden = !place.hidden;
      button.setAttribute("aria-expanded", String(!place.hidden));
      button.replaceChildren("Curves", icon(place.hidden ? "down" : "up"));
      if (!place.hidden) this.curves?.update(ALL);
    };
    button.append(icon("down"));
    button.addEventListener("click", turn);
    if (innerHeight >= TALL) turn();
    return button;
  }

  #measure(by: Measure): void {
    this.#by = by;
    this.#scale = new CutScale(this.store.shown.cuts, by);
    this.#drawTicks();
    this.#draw();
  }

  #slide(): void {
    const place = this.#slider.valueAsNumber;
    const width = Math.max(this.#track.clientWidth - THUMB, 1);
    const layer = this.store.shown.layers.find(
      ({ k }) => Math.abs(this.#scale.place(k) - place) * width < SNAP,
    );
    this.store.set({ k: layer?.k ?? this.#scale.at(place) });
  }

  #key(event: KeyboardEvent): void {
    const { layers, tree } = this.store.shown;
    const { k } = this.store.state;
    const sideways = event.currentTarget === this.#slider;
    const to = {
      ArrowUp: () => this.#scale.next(k, 1),
      ArrowDown: () => this.#scale.next(k, -1),
      ...(sideways && {
        ArrowRight: () => this.#scale.next(k, 1),
        ArrowLeft: () => this.#scale.next(k, -1),
        PageUp: () => layers.find((own) => own.k > k)?.k ?? tree.n,
        PageDown: () => layers.findLast((own) => own.k < k)?.k ?? 1,
        Home: () => 1,
        End: () => this.#scale.at(1),
      }),
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.store.set({ k: to() });
  }

  #typed(): void {
    const value = this.#field.valueAsNumber;
    const { cuts, tree } = this.store.shown;
    if (Number.isFinite(value)) {
      const k = this.#by === "count" ? Math.round(value) : cuts.counts[cuts.above(Math.max(value, 0))];
      this.store.set({ k: Math.max(1, Math.min(k, tree.n)) });
    }
    this.#draw();
  }

  #draw(): void {
    const { state, shown } = this.store;
    const { cuts, tree } = shown;
    const reached = cuts.reached(state.k);
    const height = cuts.heightOf(state.k);
    this.#slider.value = String(this.#scale.place(state.k));
    this.#slider.disabled = tree.n === 1;
    this.#unit.textContent = this.#by === "count" ? "Clusters" : "Height";
    this.#field.value = this.#by === "count" ? String(state.k) : shortNumber(height);
    this.#field.max = this.#by === "count" ? String(tree.n) : String(tree.height[tree.root]);
    this.#least.value = String(state.least);
    this.#least.max = String(tree.n);
    let counted = reached;
    if (state.least > 1)
      counted = cuts.nodes(state.k).reduce((sum, node) => sum + (tree.size[node] >= state.least ? 1 : 0), 0);
    const clusters = `${reached.toLocaleString("en")} ${reached === 1 ? "cluster" : "clusters"}`;
    const parts = [
      counted === reached ? clusters : `${counted.toLocaleString("en")} of ${clusters}`,
      ...(this.#by === "count"
        ? [`height ${height.toLocaleString("en", { maximumSignificantDigits: 4 })}`]
        : []),
      ...(reached === state.k ? [] : [`no cut has ${state.k.toLocaleString("en")}`]),
    ];
    this.#told.textContent = parts.join(" · ");
    this.#slider.setAttribute("aria-valuetext", `${clusters}, height ${shortNumber(height)}`);
  }

  #drawTicks(): void {
    this.#ticks.replaceChildren(
      ...this.store.shown.layers.map(({ title, k }) => {
        const text = plain(title, 30);
        const tick = element(
          "button",
          { type: "button", tabindex: "-1", title: `${text}: ${k.toLocaleString("en")} clusters` },
          element("span", {}, text),
        );
        tick.style.left = `calc(${THUMB / 2}px + ${this.#scale.place(k)} * (100% - ${THUMB}px))`;
        tick.addEventListener("click", () => this.store.set({ k }));
        return tick;
      }),
    );
    this.#placeTicks();
  }

  /** Titles that would touch the one before are not shown. */
  #placeTicks(): void {
    let end = -Infinity;
    for (const tick of this.#ticks.children) {
      const { left, right } = (tick.firstElementChild as HTMLElement).getBoundingClientRect();
      const fits = left > end + APART;
      tick.classList.toggle("bare", !fits);
      if (fits) end = right;
    }
  }
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}
