import "./boxes.css";
import { splitBy } from "../core/order.ts";
import { step } from "../core/steps.ts";
import type { Rectangle } from "../core/treemap.ts";
import { element, plain } from "../page/dom.ts";
import type { Shown } from "../page/shown.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Board } from "./board.ts";
import { fillsOf } from "./fills.ts";
import { onColour } from "./inks.ts";
import { fit, measure, SvgPen, type Pen } from "./pen.ts";

const SIZE = 12; // px, of names
const SMALL = 11;
const LEAST_BAND = 12; // px, of a box that has a name
const LEAST_ROOM = 22;
const LEAST_DASHED = 40; // px, of a box that shows that levels above it are skipped
const FLIGHT = 380; // ms, from one focus to the next
const MARGIN = 6; // px, left and right of a name

/** A node as a rectangle. */
export interface Box extends Rectangle {
  node: number;
  /** Place in the list of the box that holds it, −1 for the first. */
  above: number;
  /** Height of the band for its name. */
  band: number;
  /** Share of the ground in its colour. */
  faint: number;
  /** Leaves under the node (or part of them) that have no boxes of their own. */
  rest: boolean;
  size: number;
  skipped: number;
}

/** What a picture shows: boxes, inner ones after outer ones, and what is to be said of them. */
export interface Scene {
  boxes: Box[];
  note: string;
  /** Whether the cut is a line above its clusters, else a frame around each. */
  lines: boolean;
}

interface Flight {
  from: Scene;
  /** A rectangle of the picture before, and the one that it becomes. */
  old: Rectangle;
  now: Rectangle;
  began: number;
}

let made = 0;

/** The subtree of the focus as boxes on a canvas: what icicle and treemap have in common. */
export abstract class Boxes implements View {
  readonly element: HTMLElement;
  readonly #board: Board;
  readonly #item: HTMLElement;
  readonly #live = element("p", { class: "unseen", "aria-live": "polite" });
  readonly #told = element("p", { class: "told" });
  readonly #note = element("p", { class: "note" });
  readonly #quiet = matchMedia("(prefers-reduced-motion: reduce)");
  #scene: Scene | null = null;
  #of: { shown: Shown; focus: number } | null = null;
  #places = new Map<number, number>();
  #flight: Flight | null = null;
  /** Whether a key has changed what is to be said. */
  #saying = false;
  /** The focus when something was last said. */
  #said = -1;

  constructor(
    protected readonly store: Store,
    private readonly title: string,
  ) {
    this.#board = new Board(() => this.#draw());
    const id = `hc-box-${made++}`;
    this.#item = element("span", { class: "unseen", role: "treeitem", id });
    const tree = element("div", { class: "boxes-tree", role: "tree", tabindex: "0", "aria-activedescendant": id, "aria-label": title }, this.#item, this.#board.element);
    this.element = element(
      "section",
      { class: `boxes ${title.toLowerCase()}`, "aria-label": title },
      tree,
      element("div", { class: "caption" }, this.#told, this.#note),
      this.#live,
    );
    const place = this.#board.element;
    place.addEventListener("pointermove", (event) => this.#hover(this.#hit(event)));
    place.addEventListener("pointerleave", () => this.#hover(null));
    place.addEventListener("click", (event) => this.#click(event));
    place.addEventListener("dblclick", (event) => this.#open(this.#hit(event)));
    tree.addEventListener("keydown", (event) => this.#key(event));
  }

  /** The boxes of the focus and what is under it, in a picture of a size. */
  protected abstract lay(width: number, height: number): Scene;

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("theme")) this.#board.renew();
    if (!this.#board.visible) return;
    const marks: readonly Change[] = ["selected", "hovered", "chosen", "query", "side", "theme"];
    if (this.#scene === null || [...changed].some((change) => !marks.includes(change))) this.#draw();
    else this.#mark();
  }

  svg(): string {
    const { width, height, inks } = this.#board;
    const pen = new SvgPen(width, height, `${this.title} of ${this.#name(this.store.state.focus)}`);
    pen.fill(0, 0, width, height, inks.ground);
    const scene = this.#scene ?? this.lay(width, height);
    this.#paint(pen, scene, same);
    this.#letter(pen, scene, same);
    this.#paintMarks(pen, scene);
    return pen.document();
  }

  /** Lays out anew what is not there yet, and draws. */
  #draw(): void {
    const { store } = this;
    const { shown, state } = store;
    const { width, height } = this.#board;
    const before = this.#scene;
    const was = this.#of;
    this.#of = { shown, focus: state.focus };
    this.#scene = this.lay(width, height);
    this.#places = new Map();
    this.#scene.boxes.forEach(({ node, rest }, at) => {
      if (!rest) this.#places.set(node, at);
    });
    this.#note.textContent = this.#scene.note;
    if (before !== null && was?.shown === shown && was.focus !== state.focus) this.#fly(before, was.focus);
    else if (this.#flight === null || was?.shown !== shown) this.#still();
    const unread = this.#scene.boxes.filter((box) => !box.rest && box.node < shown.tree.n && named(box)).map(({ node }) => node);
    if (unread.length > 0) store.need(unread);
    this.#mark();
  }

  #still(): void {
    this.#flight = null;
    if (this.#scene === null) return;
    const pen = this.#board.picture();
    this.#paint(pen, this.#scene, same);
    this.#letter(pen, this.#scene, same);
  }

  /** Moves from the picture before to this one, so that what is in both grows or shrinks. */
  #fly(from: Scene, focus: number): void {
    const scene = this.#scene as Scene;
    const { tree } = this.store.shown;
    const now = this.store.state.focus;
    const whole = { x: 0, y: 0, width: this.#board.width, height: this.#board.height };
    let [old, next]: [Rectangle, Rectangle] = [whole, whole];
    if (tree.holds(focus, now)) [old, next] = [nearest(tree.parent, from.boxes, now) ?? whole, scene.boxes[0]];
    else if (tree.holds(now, focus)) [old, next] = [from.boxes[0], nearest(tree.parent, scene.boxes, focus) ?? whole];
    if (this.#quiet.matches) {
      this.#still();
      return;
    }
    const flight = { from, old, now: next, began: performance.now() };
    this.#flight = flight;
    const frame = (time: number): void => {
      if (this.#flight !== flight) return;
      const passed = Math.max(0, (time - flight.began) / FLIGHT);
      if (passed >= 1 || !this.#board.visible) {
        this.#still();
        this.#mark();
        return;
      }
      this.#between(flight, passed < 0.5 ? 4 * passed ** 3 : 1 - (2 - 2 * passed) ** 3 / 2);
      requestAnimationFrame(frame);
    };
    frame(flight.began);
  }

  #between({ from, old, now }: Flight, share: number): void {
    const pen = this.#board.picture();
    const towards = (a: number, b: number): number => a + share * (b - a);
    const at = { x: towards(old.x, now.x), y: towards(old.y, now.y), width: towards(old.width, now.width), height: towards(old.height, now.height) };
    const mapped = (base: Rectangle) => (box: Rectangle): Rectangle => {
      const [wide, high] = [at.width / Math.max(base.width, 1e-3), at.height / Math.max(base.height, 1e-3)];
      return { x: at.x + (box.x - base.x) * wide, y: at.y + (box.y - base.y) * high, width: box.width * wide, height: box.height * high };
    };
    this.#paint(pen, from, mapped(old));
    const over = this.#board.marks(Math.min(1, 1.5 * share));
    this.#paint(over, this.#scene as Scene, mapped(now));
    if (share < 0.7) return;
    over.context.globalAlpha = (share - 0.7) / 0.3;
    this.#letter(over, this.#scene as Scene, mapped(now));
    over.context.globalAlpha = 1;
  }

  #paint(pen: Pen, scene: Scene, place: (box: Rectangle) => Rectangle): void {
    const { shown, state } = this.store;
    const { tree } = shown;
    const { inks, width, height } = this.#board;
    const fills = fillsOf(this.store.colours, inks);
    const split = splitBy(shown.cuts, state.k);
    const cuts: [Rectangle, Box][] = [];
    for (const box of scene.boxes) {
      const at = place(box);
      if (at.x > width || at.y > height || at.x + at.width < 0 || at.y + at.height < 0 || at.width < 0.3) continue;
      const fill = fills(box.node, faint(box));
      const gap = at.width > 3 ? 1 : 0;
      pen.fill(at.x, at.y, at.width - gap, Math.max(at.height - 1, 0.5), fill);
      if (scene.lines && box.skipped > 0 && at.width > LEAST_DASHED) pen.line([at.x + 2, at.y + 2, at.x + at.width - 3, at.y + 2], onColour(fill), 1, true);
      if (!box.rest && !split(box.node) && (box.above < 0 || split(scene.boxes[box.above].node))) cuts.push([at, box]);
    }
    for (const [at, { node, above }] of cuts) {
      if (above < 0 && node === tree.root) continue;
      if (scene.lines) {
        pen.fill(at.x, at.y - 2.5, at.width, 4, inks.ground);
        pen.fill(at.x, at.y - 1.5, Math.max(at.width - 1, 0.5), 2, inks.ink);
      } else if (at.width > 8 && at.height > 8) {
        // Where the cluster itself is skipped, its pieces have dashed frames.
        const whole = split(tree.parent[node]);
        pen.frame(at.x, at.y, at.width - 1, at.height - 1, inks.ink, whole ? 2 : 1, !whole);
      }
    }
  }

  /** Names of boxes that have room for them. */
  #letter(pen: Pen, scene: Scene, place: (box: Rectangle) => Rectangle): void {
    const { inks, width } = this.#board;
    const fills = fillsOf(this.store.colours, inks);
    for (const box of scene.boxes) {
      if (!named(box)) continue;
      const at = place(box);
      if (at.x > width || at.x + at.width < 0) continue;
      const size = box.band < 15 ? SMALL : SIZE;
      const text = this.#label(box, at.width - 1 - 2 * MARGIN, size);
      if (text !== "") pen.text(text, at.x + MARGIN, at.y + box.band / 2, onColour(fills(box.node, faint(box))), size);
    }
  }

  /** Outlines what is selected, chosen and hovered, and says what it is. */
  #mark(): void {
    const { state, shown } = this.store;
    if (this.#scene === null || this.#of?.shown !== shown) return;
    if (this.#flight === null) this.#paintMarks(this.#board.marks(), this.#scene);
    const node = state.hovered ?? this.#active();
    this.#told.textContent = this.#describe(node);
    const active = this.#active();
    const { tree } = shown;
    if (this.#saying) {
      const showing = this.#said === state.focus ? "" : `showing ${this.#name(state.focus)}; `;
      this.#live.textContent = showing + this.#describe(active);
    }
    this.#said = state.focus;
    this.#saying = false;
    const parent = tree.parent[active];
    const siblings = parent < 0 ? [active] : tree.children(parent);
    this.#item.textContent = this.#name(active);
    const attributes = {
      "aria-level": tree.path(active).length,
      "aria-setsize": siblings.length,
      "aria-posinset": siblings.indexOf(active) + 1,
      "aria-selected": active === state.selected,
    };
    for (const [name, value] of Object.entries(attributes)) this.#item.setAttribute(name, String(value));
    if (tree.isLeaf(active)) this.#item.removeAttribute("aria-expanded");
    else this.#item.setAttribute("aria-expanded", String(this.#places.has(active)));
  }

  #paintMarks(pen: Pen, { boxes }: Scene): void {
    const { state, shown } = this.store;
    const { inks } = this.#board;
    const mark = (node: number, draw: (box: Rectangle, drawn: boolean) => void): void => {
      if (!shown.tree.holds(state.focus, node)) return;
      let at = node;
      while (!this.#places.has(at)) at = shown.tree.parent[at];
      draw(boxes[this.#places.get(at) as number], at === node);
    };
    const outline = (box: Rectangle, colour: string, thick: number, dashed: boolean): void => {
      const gap = box.width > 3 ? 1 : 0;
      pen.frame(box.x, box.y, box.width - gap, box.height - 1, inks.ground, Math.min(thick + 1.5, box.width), false);
      pen.frame(box.x, box.y, box.width - gap, box.height - 1, colour, Math.min(thick, box.width), dashed);
    };
    for (const node of state.chosen) mark(node, (box) => outline(box, inks.ink, 2, true));
    mark(state.selected, (box, drawn) => outline(box, inks.accent, 3, !drawn));
    if (state.hovered !== null && state.hovered !== state.selected) mark(state.hovered, (box, drawn) => outline(box, inks.ink, 1.5, !drawn));
  }

  #hit(event: MouseEvent): number | null {
    const [x, y] = this.#board.at(event);
    const boxes = this.#scene?.boxes ?? [];
    for (let at = boxes.length - 1; at >= 0; at--) {
      const box = boxes[at];
      if (x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height) return box.node;
    }
    return null;
  }

  #hover(node: number | null): void {
    if (node !== this.store.state.hovered) this.store.set({ hovered: node });
  }

  #click(event: MouseEvent): void {
    const node = this.#hit(event);
    if (node === null) return;
    const { chosen } = this.store.state;
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) this.store.set({ selected: node });
    else this.store.set({ chosen: chosen.includes(node) ? chosen.filter((other) => other !== node) : [...chosen, node] });
  }

  /** Focuses a node, or what is above the focus if it is that already. */
  #open(node: number | null): void {
    const { state, shown } = this.store;
    if (node === null) return;
    const focus = node === state.focus ? Math.max(shown.tree.parent[node], node) : node;
    this.store.set({ focus, selected: node });
  }

  /** The node that keys move from: the selected one, or the focus where that is elsewhere. */
  #active(): number {
    const { state, shown } = this.store;
    return shown.tree.holds(state.focus, state.selected) ? state.selected : state.focus;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { state, shown } = this.store;
    const { tree } = shown;
    const active = this.#active();
    let next = active;
    if (event.key.startsWith("Arrow")) next = step(tree, active, event.key);
    else if (event.key === "Home") next = state.focus;
    else if (event.key === "Enter") this.#open(active);
    else if (event.key === "Backspace") this.store.set({ focus: Math.max(tree.parent[state.focus], state.focus) });
    else if (event.key === " ") {
      const { chosen } = state;
      this.store.set({ chosen: chosen.includes(active) ? chosen.filter((other) => other !== active) : [...chosen, active] });
    } else return;
    event.preventDefault();
    this.store.set(tree.holds(state.focus, next) ? { selected: next } : { selected: next, focus: next });
    if (next < tree.n) this.store.need([next]);
    this.#saying = true;
  }

  /** The name of a node where it has room; of a node without one its size. */
  #label({ node, rest, size: leaves }: Box, room: number, size: number): string {
    const { shown } = this.store;
    if (rest) {
      const more = `${leaves.toLocaleString("en")} in smaller nodes`;
      return measure(more, size) <= room ? more : "";
    }
    const name = this.#name(node);
    if (shown.tree.isLeaf(node) || shown.name(node) !== "" || measure(name, size) <= room) return fit(name, room, size);
    const count = leaves.toLocaleString("en");
    return measure(count, size) <= room ? count : "";
  }

  #name(node: number): string {
    return plain(this.store.shown.title(node)) || "(no name)";
  }

  #describe(node: number): string {
    const { shown, state } = this.store;
    const { tree } = shown;
    const said = [this.#name(node)];
    const samples = `${tree.size[node].toLocaleString("en")} samples`;
    if (!tree.isLeaf(node) && said[0] !== samples) said.push(samples);
    if (!tree.holds(state.focus, node)) said.push("not in this picture");
    else if (!this.#places.has(node)) said.push("too small to be drawn here, or skipped");
    const skipped = this.#scene?.boxes[this.#places.get(node) ?? -1]?.skipped ?? 0;
    if (skipped > 0) said.push(`${skipped.toLocaleString("en")} ${skipped === 1 ? "level" : "levels"} above it skipped`);
    return said.join(" · ");
  }
}

const same = (box: Rectangle): Rectangle => box;
const faint = (box: Box): number => (box.rest ? 0.75 : box.faint);
const named = (box: Box): boolean => box.band >= LEAST_BAND && box.width >= LEAST_ROOM;

/** The box of a node, or of the nearest above it that has one. */
function nearest(parent: Int32Array, boxes: readonly Box[], node: number): Box | undefined {
  const places = new Map(boxes.filter(({ rest }) => !rest).map((box) => [box.node, box]));
  let at = node;
  while (at >= 0 && !places.has(at)) at = parent[at];
  return places.get(at);
}
