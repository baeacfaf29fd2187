import "./matrix.css";
import { groupsBelow, meanRows, PartRuns, similarities } from "../core/groups.ts";
import { element, plain } from "../page/dom.ts";
import type { Shown } from "../page/shown.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Board } from "./board.ts";
import { fillsOf } from "./fills.ts";
import { mix } from "./inks.ts";
import { fit, measure, SvgPen, type Pen } from "./pen.ts";

const MOST = 200; // groups
const FIRST = 40;
const MOST_BLOCKS = 10;
const STRIP = 7; // px, of the colours along the sides
const SIZE = 11; // px, of names
const LINE = 12; // px, of a row that has a name
const LEGEND = 34;
const MARGIN = 8;
/** "Viridis" of matplotlib: from low to high ever brighter, with any kind of colour vision. */
const RAMP = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"] as const;

interface Table {
  shown: Shown;
  focus: number;
  /** Groups in depth-first order. */
  groups: Int32Array;
  values: Float64Array;
  low: number;
  high: number;
  /** Larger groups, as ranges [first, end) of these, with their nodes. */
  blocks: { node: number; first: number; end: number }[];
  picture: HTMLCanvasElement;
}

interface Place {
  x: number;
  y: number;
  side: number;
  cell: number;
}

let made = 0;

/** Similarity of groups in the order of the hierarchy: of the focus, cut into as many as asked for. */
export class Matrix implements View {
  readonly element: HTMLElement;
  readonly #board: Board;
  readonly #less = element("button", { type: "button", "aria-label": "Fewer groups" }, "−");
  readonly #more = element("button", { type: "button", "aria-label": "More groups" }, "+");
  readonly #slider = element("input", { type: "range", min: "1", max: String(MOST), "aria-label": "Groups" });
  readonly #count = element("output");
  readonly #grid: HTMLElement;
  readonly #row: HTMLElement;
  readonly #item: HTMLElement;
  readonly #empty = element("p", { class: "empty" });
  readonly #told = element("p", { class: "told" });
  readonly #note = element("p", { class: "note" });
  readonly #live = element("p", { class: "unseen", "aria-live": "polite" });
  #asked = FIRST;
  #most = MOST;
  #table: Table | null = null;
  #runs: { shown: Shown; runs: PartRuns } | null = null;
  #at: [number, number] = [0, 0];
  #pointed: [number, number] | null = null;

  constructor(private readonly store: Store) {
    this.#board = new Board(() => this.#draw());
    const id = `hc-cell-${made++}`;
    this.#item = element("span", { role: "gridcell", id });
    this.#row = element("span", { class: "unseen", role: "row" }, this.#item);
    this.#grid = element(
      "div",
      { class: "matrix-grid", role: "grid", tabindex: "0", "aria-label": "Similarity of groups", "aria-activedescendant": id },
      this.#row,
      this.#board.element,
    );
    this.element = element(
      "section",
      { class: "matrix", "aria-label": "Matrix" },
      element("div", { class: "matrix-tools" }, element("span", {}, "Groups"), this.#less, this.#slider, this.#more, this.#count),
      this.#grid,
      this.#empty,
      element("div", { class: "caption" }, this.#told, this.#note),
      this.#live,
    );
    this.#less.addEventListener("click", () => this.#ask(this.#shownCount() - 1, -1));
    this.#more.addEventListener("click", () => this.#ask(this.#shownCount() + 1, 1));
    this.#slider.addEventListener("input", () => this.#ask(Number(this.#slider.value)));
    const place = this.#board.element;
    place.addEventListener("pointermove", (event) => this.#point(this.#hit(event)));
    place.addEventListener("pointerleave", () => this.#point(null));
    place.addEventListener("click", (event) => this.#go(this.#hit(event), false));
    place.addEventListener("dblclick", (event) => this.#go(this.#hit(event), true));
    this.#grid.addEventListener("keydown", (event) => this.#key(event));
    this.#grid.addEventListener("blur", () => this.#point(null));
  }

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("theme")) this.#board.renew();
    const { shown, state } = this.store;
    const unknown = shown.data.parts === null || shown.data.parts.nodes.length === 0;
    this.#empty.textContent = unknown
      ? "This page holds no mean rows of groups, so their similarity is unknown. It does where the hierarchy was discovered from features."
      : "";
    for (const part of [this.#grid, this.element.firstElementChild as HTMLElement]) part.hidden = unknown;
    if (unknown || !this.#board.visible) return;
    const old = this.#table?.shown !== shown || this.#table.focus !== state.focus;
    if (old || changed.has("colour") || changed.has("k") || changed.has("names")) this.#draw();
    else this.#mark();
  }

  svg(): string {
    const { width, height, inks } = this.#board;
    const pen = new SvgPen(width, height, `Similarity of groups in ${this.#name(this.store.state.focus)}`);
    pen.fill(0, 0, width, height, inks.ground);
    if (this.#table !== null) this.#paint(pen, this.#table);
    return pen.document();
  }

  #shownCount(): number {
    return this.#table?.groups.length ?? this.#asked;
  }

  /** Shows so many groups; where no cut has so many, the next that differs, in a direction. */
  #ask(count: number, direction = 0): void {
    const before = this.#shownCount();
    for (let asked = count; ; asked += direction) {
      this.#asked = Math.min(Math.max(asked, 1), this.#most);
      this.#table = null;
      this.#draw();
      if (direction === 0 || this.#asked !== asked || this.#shownCount() !== before) break;
    }
    this.#live.textContent = `${this.#shownCount()} groups`;
  }

  #partRuns(shown: Shown): PartRuns {
    if (this.#runs?.shown !== shown) {
      const parts = (shown.data.parts?.nodes ?? new Int32Array(0));
      const { tree } = shown.data;
      const partOf = new Int32Array(tree.n).fill(-1);
      parts.forEach((node, part) => {
        for (const leaf of tree.leaves(node)) partOf[leaf] = part;
      });
      this.#runs = { shown, runs: new PartRuns(shown.tree, (leaf) => partOf[shown.sample(leaf)], parts.length) };
    }
    return this.#runs.runs;
  }

  #compute(): Table {
    const { shown, state } = this.store;
    const { tree, data } = shown;
    const { focus } = state;
    const { rows, dim } = data.parts as NonNullable<typeof data.parts>;
    const runs = this.#partRuns(shown);
    const whole = (node: number): boolean => runs.one(node);
    this.#most = groupsBelow(tree, focus, MOST, whole).length;
    const groups = groupsBelow(tree, focus, Math.min(this.#asked, this.#most), whole);
    const values = similarities(meanRows(runs, groups, rows, dim), dim);
    const [low, high] = range(values, groups.length);
    const blocks: Table["blocks"] = [];
    let first = 0;
    for (const node of groupsBelow(tree, focus, Math.min(MOST_BLOCKS, Math.ceil(groups.length / 2)), whole)) {
      let end = first;
      while (end < groups.length && tree.holds(node, groups[end])) end++;
      blocks.push({ node, first, end });
      first = end;
    }
    this.#note.textContent = this.#remark(groups, runs);
    return { shown, focus, groups, values, low, high, blocks, picture: picture(values, groups.length, low, high, this.#board.inks.line) };
  }

  /** What limits the groups, in words. */
  #remark(groups: Int32Array, runs: PartRuns): string {
    const { shown, state } = this.store;
    const { tree } = shown;
    const said: string[] = [];
    if (runs.one(state.focus) && !tree.isLeaf(state.focus)) {
      said.push("no finer: the page holds one mean row for this whole node");
    } else if (groups.length === 1 && tree.children(state.focus).length > MOST) {
      said.push(`${tree.children(state.focus).length.toLocaleString("en")} children are too many for a matrix: focus one of them`);
    } else if (groups.length === this.#most && this.#most < MOST && groups.some((node) => !tree.isLeaf(node) && runs.one(node))) {
      said.push(`finest level: the page holds mean rows of ${runs.count} parts, ${groups.length} of them here`);
    }
    if (shown.revision.origin !== null) {
      const { parts, tree: written } = shown.data;
      const partial = groups.some((node) => [...runs.tally(node)].some(([part, count]) => count < written.size[(parts as NonNullable<typeof parts>).nodes[part]]));
      if (partial) said.push("where edits divide a part, its leaves count with its mean row");
    }
    return said.join("; ");
  }

  #draw(): void {
    const { shown, state } = this.store;
    if (shown.data.parts === null || !this.#board.visible) return;
    const table = this.#table;
    if (table === null || table.shown !== shown || table.focus !== state.focus) {
      this.#at = [0, 0];
      this.#pointed = null;
      this.#table = this.#compute();
    }
    const { groups } = this.#table as Table;
    this.#slider.max = String(this.#most);
    this.#slider.value = String(groups.length);
    this.#count.textContent = `${groups.length} of at most ${this.#most}`;
    this.#less.disabled = groups.length <= 1;
    this.#more.disabled = groups.length >= this.#most;
    this.#grid.setAttribute("aria-rowcount", String(groups.length));
    this.#grid.setAttribute("aria-colcount", String(groups.length));
    this.#paint(this.#board.picture(), this.#table as Table);
    this.store.need(groups.filter((node) => shown.tree.isLeaf(node)));
    this.#mark();
  }

  /** What has a name along the sides: groups if there is room for all, else larger ones. */
  #named(table: Table, cell: number): { node: number; first: number; end: number }[] {
    if (cell >= LINE) return Array.from(table.groups, (node, g) => ({ node, first: g, end: g + 1 }));
    return table.blocks.filter(({ first, end }) => (end - first) * cell >= LINE);
  }

  /** Where things are; in a wide place the legend stands beside the matrix, and columns go without names. */
  #place(table: Table): Place & { left: number; top: number; wide: boolean } {
    const { width, height } = this.#board;
    const count = table.groups.length;
    const wide = width > 1.5 * height;
    const below = wide ? 0 : LEGEND;
    const room = Math.min(width, height - below) - 2 * MARGIN;
    const names = this.#named(table, (0.75 * room) / count).map(({ node }) => measure(this.#name(node), SIZE) + 6);
    const longest = Math.ceil(Math.min(Math.max(0, ...names), 0.3 * (wide ? width : room)));
    const left = Math.min(longest, wide ? 220 : 150);
    const top = wide ? 0 : Math.min(longest, 84);
    const side = Math.max(Math.min(width - left, height - below - top) - 2 * MARGIN - STRIP - 2, 10);
    const x = MARGIN + left + STRIP + 2 + Math.max(0, (width - 2 * MARGIN - left - STRIP - 2 - side) / 2);
    return { x, y: MARGIN + top + STRIP + 2, side, cell: side / count, left, top, wide };
  }

  #paint(pen: Pen, table: Table): void {
    const { inks } = this.#board;
    const { x, y, side, cell, left, top, wide } = this.#place(table);
    const fills = fillsOf(this.store.colours, inks);
    pen.image(table.picture, x, y, side, side);
    table.groups.forEach((node, g) => {
      const fill = fills(node, 0);
      const gap = cell > 4 ? 1 : 0;
      pen.fill(x - STRIP - 2, y + g * cell, STRIP, cell - gap, fill);
      pen.fill(x + g * cell, y - STRIP - 2, cell - gap, STRIP, fill);
    });
    for (const { node, first, end } of this.#named(table, cell)) {
      const middle = ((first + end) / 2) * cell;
      const name = this.#name(node);
      pen.text(fit(name, left - 6, SIZE), x - STRIP - 6, y + middle, inks.ink, SIZE, { anchor: "end" });
      if (!wide) pen.text(fit(name, top - 6, SIZE), x + middle, y - STRIP - 6, inks.ink, SIZE, { upward: true });
    }
    for (const { first, end } of table.blocks) {
      if (end - first < 2 || end - first === table.groups.length) continue;
      const [from, long] = [first * cell, (end - first) * cell];
      pen.frame(x + from, y + from, long, long, "#000000", 2.5);
      pen.frame(x + from + 0.5, y + from + 0.5, long - 1, long - 1, "#ffffff", 1.5);
    }
    if (wide) this.#paintLegend(pen, table, x + side + 20, y + 18, 140);
    else this.#paintLegend(pen, table, x, y + side + 10, Math.min(side, 220));
  }

  #paintLegend(pen: Pen, { low, high, values, groups }: Table, x: number, y: number, width: number): void {
    const { inks } = this.#board;
    const steps = Math.max(1, Math.round(width / 2));
    for (let i = 0; i < steps; i++) pen.fill(x + (i * width) / steps, y, width / steps + 0.5, 8, ramp(i / Math.max(steps - 1, 1)));
    const above = groups.length > 1 && values.some((value) => value > high + 1e-9) ? "≥ " : "";
    pen.text(number(low), x, y + 16, inks.quiet, SIZE);
    pen.text(number((low + high) / 2), x + width / 2, y + 16, inks.quiet, SIZE, { anchor: "middle" });
    pen.text(above + number(high), x + width, y + 16, inks.quiet, SIZE, { anchor: "end" });
    const label = "mean similarity";
    if (y < 40) pen.text(label, x, y - 9, inks.quiet, SIZE);
    else if (measure(label, SIZE) + width + 10 < this.#board.width - x) pen.text(label, x + width + 10, y + 4, inks.quiet, SIZE);
  }

  /** Marks the cell that is pointed at, and the rows of what is hovered elsewhere and selected. */
  #mark(): void {
    const table = this.#table;
    if (table === null) return;
    const { state } = this.store;
    const { inks } = this.#board;
    const pen = this.#board.marks();
    const { x, y, side, cell } = this.#place(table);
    const count = table.groups.length;
    const band = (first: number, end: number, colour: string, thick: number): void => {
      const [from, long] = [first * cell, (end - first) * cell];
      pen.frame(x - STRIP - 2, y + from, side + STRIP + 2, long, inks.ground, thick + 1);
      pen.frame(x - STRIP - 2, y + from, side + STRIP + 2, long, colour, thick);
      pen.frame(x + from, y - STRIP - 2, long, side + STRIP + 2, inks.ground, thick + 1);
      pen.frame(x + from, y - STRIP - 2, long, side + STRIP + 2, colour, thick);
    };
    const selected = this.#range(state.selected);
    if (selected !== null && selected[1] - selected[0] < count) band(...selected, inks.accent, 2);
    if (this.#pointed !== null) {
      const [row, column] = this.#pointed;
      pen.frame(x - STRIP - 2, y + row * cell, side + STRIP + 2, cell, inks.ink, 1);
      pen.frame(x + column * cell, y - STRIP - 2, cell, side + STRIP + 2, inks.ink, 1);
      pen.frame(x + column * cell - 1, y + row * cell - 1, cell + 2, cell + 2, "#ffffff", 2);
    } else if (state.hovered !== null) {
      const hovered = this.#range(state.hovered);
      if (hovered !== null && hovered[1] - hovered[0] < count) band(...hovered, inks.ink, 1);
    }
    this.#told.textContent = this.#describe(this.#pointed ?? this.#at);
    const [row, column] = this.#at;
    this.#row.setAttribute("aria-rowindex", String(row + 1));
    this.#item.setAttribute("aria-colindex", String(column + 1));
    this.#item.textContent = this.#describe(this.#at);
  }

  /** The groups under a node, or the one that it is in, as a range; null if it is elsewhere. */
  #range(node: number): [number, number] | null {
    const { tree } = this.store.shown;
    const groups = this.#table?.groups ?? new Int32Array(0);
    let first = 0;
    while (first < groups.length && !tree.holds(node, groups[first]) && !tree.holds(groups[first], node)) first++;
    if (first === groups.length) return null;
    let end = first + 1;
    while (end < groups.length && tree.holds(node, groups[end])) end++;
    return [first, end];
  }

  #describe([row, column]: [number, number]): string {
    const table = this.#table;
    if (table === null) return "";
    const { groups, values } = table;
    const value = values[row * groups.length + column];
    const said = Number.isNaN(value) ? "unknown" : value.toFixed(3);
    return row === column ? `within ${this.#name(groups[row])}: ${said}` : `${this.#name(groups[row])} ↔ ${this.#name(groups[column])}: ${said}`;
  }

  #hit(event: MouseEvent): [number, number] | null {
    const table = this.#table;
    if (table === null) return null;
    const { x, y, side, cell } = this.#place(table);
    const [left, top] = this.#board.at(event);
    const column = Math.floor((left - x) / cell);
    const row = Math.floor((top - y) / cell);
    const last = table.groups.length - 1;
    // Beside the square: the group of the row or column itself.
    if (left < x && row >= 0 && row <= last && top < y + side) return [row, row];
    if (top < y && column >= 0 && column <= last && left < x + side) return [column, column];
    return row >= 0 && row <= last && column >= 0 && column <= last ? [row, column] : null;
  }

  /** The group of a cell on the diagonal, else the smallest node that holds both. */
  #node([row, column]: [number, number]): number {
    const { groups } = this.#table as Table;
    return row === column ? groups[row] : this.store.shown.tree.lca(groups[row], groups[column]);
  }

  #point(at: [number, number] | null): void {
    if (at?.[0] === this.#pointed?.[0] && at?.[1] === this.#pointed?.[1]) return;
    this.#pointed = at;
    this.store.set({ hovered: at === null ? null : this.#node(at) });
    this.#mark();
  }

  #go(at: [number, number] | null, open: boolean): void {
    if (at === null) return;
    this.#at = at;
    const node = this.#node(at);
    this.store.set(open ? { selected: node, focus: node } : { selected: node });
  }

  #key(event: KeyboardEvent): void {
    const table = this.#table;
    if (table === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = table.groups.length - 1;
    const moves: Readonly<Record<string, [number, number]>> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const by = moves[event.key];
    const within = (value: number): number => Math.min(Math.max(value, 0), last);
    if (by !== undefined) this.#at = [within(this.#at[0] + by[0]), within(this.#at[1] + by[1])];
    else if (event.key === "Home") this.#at = [this.#at[0], 0];
    else if (event.key === "End") this.#at = [this.#at[0], last];
    else if (event.key !== "Enter") return;
    event.preventDefault();
    this.#pointed = event.key === "Enter" ? null : this.#at;
    this.#go(this.#at, event.key === "Enter");
    this.#live.textContent = this.#describe(this.#at);
    this.#mark();
  }

  #name(node: number): string {
    return plain(this.store.shown.title(node)) || "(no name)";
  }
}

/** Ends of the scale: of all values, but groups with themselves do not make it longer. */
function range(values: Float64Array, count: number): [number, number] {
  let [low, high, highest] = [Infinity, -Infinity, -Infinity];
  values.forEach((value, at) => {
    if (Number.isNaN(value)) return;
    low = Math.min(low, value);
    highest = Math.max(highest, value);
    if (Math.floor(at / count) !== at % count) high = Math.max(high, value);
  });
  if (highest === -Infinity) return [0, 1];
  return [low, high > low ? high : highest];
}

const number = (value: number): string => value.toFixed(2).replace(/^-(0\.0*)$/, "$1");

function picture(values: Float64Array, count: number, low: number, high: number, unknown: string): HTMLCanvasElement {
  const canvas = element("canvas", { width: String(count), height: String(count) });
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  values.forEach((value, at) => {
    context.fillStyle = Number.isNaN(value) ? unknown : ramp(high > low ? (value - low) / (high - low) : 0.5);
    context.fillRect(at % count, Math.floor(at / count), 1, 1);
  });
  return canvas;
}

function ramp(share: number): string {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const step = Math.min(Math.floor(at), RAMP.length - 2);
  return mix(RAMP[step], RAMP[step + 1], at - step);
}
