import "./curves.css";
import { curve, spaced, type Scores } from "../core/scores.ts";
import { element } from "../page/dom.ts";
import type { Shown } from "../page/shown.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Board } from "./board.ts";
import { onColour } from "./inks.ts";
import { measure, SvgPen, type Pen } from "./pen.ts";

const STEPS = 40;
const SIZE = 11; // px, of names
const EDGE = { left: 30, right: 50, top: 8, bottom: 18 };

/** Measures with their names, drawn if they have colours: on light ground, on dark. */
const MEASURES: readonly { key: keyof Scores; name: string; colours?: readonly [string, string]; dashed?: boolean }[] = [
  { key: "nmi", name: "NMI", colours: ["#2447b8", "#9db4ff"] },
  { key: "ari", name: "ARI", colours: ["#a33b00", "#ffb080"], dashed: true },
  { key: "meanPurity", name: "purity", colours: ["#0f6b2e", "#7fd69a"] },
  { key: "weightedPurity", name: "purity, by samples" },
];

/** Agreement of the cut with known labels, for every number of clusters. */
export class Curves implements View {
  readonly element: HTMLElement;
  readonly #board: Board;
  readonly #slider: HTMLElement;
  readonly #body = element("tbody");
  readonly #told = element("p", { class: "told" });
  #points: [number, Scores][] = [];
  #of: Shown | null = null;
  #codes = new Int32Array(0);
  /** The scores of the cut itself, which is seldom one of the points. */
  #own: [number, Scores] | null = null;
  #busy = false;

  constructor(private readonly store: Store) {
    this.#board = new Board(() => this.#draw());
    this.#slider = element("div", { class: "curves-chart", role: "slider", tabindex: "0", "aria-label": "Clusters of the cut, by agreement with the labels" }, this.#board.element);
    const head = element("tr", {}, ...["clusters", ...MEASURES.map(({ name }) => name)].map((name) => element("th", { scope: "col" }, name)));
    const table = element("table", {}, element("caption", { class: "unseen" }, "Agreement with the labels by number of clusters"), element("thead", {}, head), this.#body);
    this.element = element(
      "section",
      { class: "curves", "aria-label": "Agreement with the labels" },
      this.#slider,
      this.#told,
      element("details", {}, element("summary", {}, "as a table"), element("div", { class: "curves-table", tabindex: "0" }, table)),
    );
    this.element.hidden = !store.page.head.labels;
    this.#board.element.addEventListener("click", (event) => this.#pick(this.#board.at(event)[0]));
    this.#slider.addEventListener("keydown", (event) => this.#key(event));
  }

  update(changed: ReadonlySet<Change>): void {
    if (this.element.hidden) return;
    if (changed.has("theme")) this.#board.renew();
    if (!this.#board.visible) return;
    if (this.#of !== this.store.shown || changed.has("k")) this.#draw();
    if (changed.has("k") && this.#codes.length > 0) void this.#computeOwn();
  }

  svg(): string {
    const { width, height, inks } = this.#board;
    const pen = new SvgPen(width, height, "Agreement with the labels by number of clusters");
    pen.fill(0, 0, width, height, inks.ground);
    this.#paint(pen);
    this.#paintCut(pen);
    return pen.document();
  }

  async #compute(shown: Shown): Promise<void> {
    this.#of = shown;
    this.#points = [];
    this.#own = null;
    this.#codes = new Int32Array(0);
    this.#body.replaceChildren();
    const column = shown.page.columns[0];
    if (column?.kind !== "category") return;
    const { tree, cuts } = shown;
    const codes = new Int32Array(tree.n);
    for (let leaf = 0; leaf < tree.n; leaf++) codes[leaf] = column.codes[shown.sample(leaf)];
    this.#codes = codes;
    void this.#computeOwn();
    for await (const point of curve(tree, cuts, codes, spaced(tree.n, STEPS))) {
      if (this.#of !== shown) return;
      this.#points.push(point);
      this.#body.append(row(point));
      if (this.#board.visible) this.#draw();
    }
    if (this.#points.length === 0) this.#told.textContent = "no sample has a label";
  }

  /** Computes the scores of the cut; again if it has moved in the meantime. */
  async #computeOwn(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    let [shown, k] = [this.store.shown, 0];
    while (this.#of !== null && this.#codes.length > 0 && (shown !== this.#of || k !== this.store.state.k)) {
      [shown, k] = [this.#of, this.store.state.k];
      for await (const point of curve(shown.tree, shown.cuts, this.#codes, [k])) {
        if (this.#of === shown) this.#own = point;
      }
    }
    this.#busy = false;
    if (this.#board.visible) this.#draw();
  }

  #draw(): void {
    if (this.element.hidden) return;
    if (this.#of !== this.store.shown) void this.#compute(this.store.shown);
    this.#paint(this.#board.picture());
    this.#paintCut(this.#board.marks());
    const { k } = this.store.state;
    const { n } = this.store.shown.tree;
    this.#told.textContent = this.#describe();
    const values = { "aria-valuemin": 1, "aria-valuemax": n, "aria-valuenow": k, "aria-valuetext": this.#describe() };
    for (const [name, value] of Object.entries(values)) this.#slider.setAttribute(name, String(value));
  }

  /** The clusters of the cut and its scores. */
  #describe(): string {
    const point = this.#current();
    if (point === null) return "";
    const [k, own] = point;
    const said = MEASURES.filter(({ colours }) => colours !== undefined).map(({ key, name }) => `${name} ${own[key].toFixed(2)}`);
    return `${k.toLocaleString("en")} ${k === 1 ? "cluster" : "clusters"}: ${said.join(", ")}`;
  }

  /** The cut with its scores; while these are computed, the point nearest to it. */
  #current(): [number, Scores] | null {
    const { state, shown } = this.store;
    if (this.#own?.[0] === shown.cuts.reached(state.k)) return this.#own;
    return this.#points[this.#nearest(state.k)] ?? null;
  }

  #nearest(k: number): number {
    let best = -1;
    this.#points.forEach(([other], at) => {
      if (best < 0 || Math.abs(Math.log(other / k)) < Math.abs(Math.log(this.#points[best][0] / k))) best = at;
    });
    return best;
  }

  #x(k: number): number {
    const { n } = this.store.shown.tree;
    const span = this.#board.width - EDGE.left - EDGE.right;
    return EDGE.left + (n > 1 ? (span * Math.log(k)) / Math.log(n) : span / 2);
  }

  #y(score: number): number {
    const span = this.#board.height - EDGE.top - EDGE.bottom;
    return EDGE.top + span * (1 - Math.max(0, score));
  }

  #paint(pen: Pen): void {
    const { width, height, inks } = this.#board;
    const { n } = this.store.shown.tree;
    const dark = onColour(inks.ground) === "#ffffff";
    for (const score of [0, 0.5, 1]) {
      pen.line([EDGE.left, this.#y(score), width - EDGE.right, this.#y(score)], inks.line, 1);
      pen.text(String(score), EDGE.left - 5, this.#y(score), inks.quiet, SIZE, { anchor: "end" });
    }
    let free = -Infinity;
    for (let k = 1; k <= n; k *= 10) {
      const text = k.toLocaleString("en");
      const half = measure(text, SIZE) / 2;
      if (this.#x(k) - half < free) continue;
      free = this.#x(k) + half + 8;
      pen.text(text, this.#x(k), height - EDGE.bottom / 2, inks.quiet, SIZE, { anchor: "middle" });
    }
    const ends: { y: number; name: string; colour: string }[] = [];
    for (const { key, name, colours, dashed } of MEASURES) {
      if (colours === undefined || this.#points.length === 0) continue;
      const colour = colours[Number(dark)];
      const way = this.#points.flatMap(([k, own]) => [this.#x(k), this.#y(own[key])]);
      pen.line(way, colour, 2, dashed);
      ends.push({ y: way[way.length - 1], name, colour });
    }
    // Names beside the ends of their lines, one below the other where these meet.
    ends.sort((a, b) => a.y - b.y);
    ends.forEach((end, i) => {
      end.y = Math.max(end.y, i > 0 ? ends[i - 1].y + SIZE + 2 : SIZE / 2 + 1);
    });
    let lowest = height - EDGE.bottom;
    for (const end of ends.toReversed()) {
      end.y = Math.min(end.y, lowest);
      lowest = end.y - SIZE - 2;
    }
    for (const { y, name, colour } of ends) pen.text(name, this.#x(this.#points[this.#points.length - 1][0]) + 6, y, colour, SIZE);
  }

  #paintCut(pen: Pen): void {
    const { inks, height } = this.#board;
    const x = this.#x(Math.min(this.store.state.k, this.store.shown.tree.n));
    pen.line([x, EDGE.top, x, height - EDGE.bottom], inks.ink, 1.5);
    const point = this.#current();
    if (point === null) return;
    for (const { key, colours } of MEASURES) {
      if (colours !== undefined) pen.fill(x - 2.5, this.#y(point[1][key]) - 2.5, 5, 5, inks.ink);
    }
  }

  #pick(x: number): void {
    const { tree, cuts } = this.store.shown;
    const span = this.#board.width - EDGE.left - EDGE.right;
    const share = Math.min(Math.max((x - EDGE.left) / span, 0), 1);
    this.store.set({ k: cuts.reached(Math.round(tree.n ** share)) });
  }

  #key(event: KeyboardEvent): void {
    const moves: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity };
    const by = moves[event.key];
    if (by === undefined || this.#points.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const at = Math.min(Math.max(this.#nearest(this.store.state.k) + by, 0), this.#points.length - 1);
    this.store.set({ k: this.#points[at][0] });
  }
}

function row([k, own]: [number, Scores]): HTMLTableRowElement {
  const cells = MEASURES.map(({ key }) => element("td", {}, own[key].toFixed(3)));
  return element("tr", {}, element("th", { scope: "row" }, k.toLocaleString("en")), ...cells);
}
