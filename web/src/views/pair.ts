import "./pair.css";
import { bestMatch, contingency, type Match } from "../core/agreement.ts";
import { groupsBelow } from "../core/groups.ts";
import { element, plain } from "../page/dom.ts";
import { Shown } from "../page/shown.ts";
import type { Change, Store, View } from "../page/store.ts";

const SVG = "http://www.w3.org/2000/svg";
const BAR = 12; // px
const LETTER = 6.6; // px on average
const [FEWEST, MOST] = [2, 40]; // groups of a side
const RELEVANT: readonly Change[] = ["tree", "names", "selected", "focus", "colour", "k", "side", "theme"];

/** One of the two trees, as groups of a subtree from top to bottom. */
interface Side {
  shown: Shown;
  focus: number;
  groups: number[];
  /** Group of each sample as written, −1 outside. */
  ofSample: Int32Array;
  /** Upper and lower edge of each group. */
  edges: [number, number][];
}

/** Two trees over the same samples: the groups of each, and how many samples any two have in common. */
export class Pair implements View {
  readonly element: HTMLElement;
  readonly keys = [
    ["Enter", "Select a group"],
    ["Ctrl+Enter", "Go to it"],
  ] as const;
  readonly #svg = document.createElementNS(SVG, "svg");
  readonly #told = element("p", { class: "told", role: "status" });
  readonly #titles = [element("div"), element("div")];
  readonly #count = element("input", { type: "number", min: String(FEWEST), max: String(MOST), value: "12" });
  readonly #other: Shown | null;
  #otherFocus = 0;
  /** The node of the second tree that was chosen last; null: the choice is the first tree's. */
  #chosen: number | null = null;
  #known: { from: Shown; node: number; to: Shown; match: Match } | undefined;

  constructor(private readonly store: Store) {
    const data = store.page.trees[1];
    this.#other = data === undefined ? null : new Shown(store.page, data, { tree: data.tree, leaves: null, origin: null, names: new Map() });
    this.#otherFocus = this.#other?.tree.root ?? 0;
    this.element = element("section", { class: "pair", "aria-label": "two trees" });
    if (this.#other === null) {
      this.element.append(element("p", {}, "This page holds one tree. A second one over the same samples is put beside it by: hyperclade report DIR --beside OTHER"));
      return;
    }
    this.#svg.setAttribute("role", "group");
    this.#svg.setAttribute("aria-label", "groups of both trees and what they share");
    this.element.append(
      element("div", { class: "heads" }, this.#titles[0], element("label", {}, "groups ", this.#count), this.#titles[1]),
      this.#told,
      this.#svg,
    );
    this.#count.addEventListener("change", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.#svg);
  }

  update(changed: ReadonlySet<Change>): void {
    if (changed.has("selected")) this.#chosen = this.#chosen === null ? null : this.#echo();
    if (this.#other !== null && RELEVANT.some((change) => changed.has(change))) this.#draw();
  }

  /** The picture as an SVG document. */
  svg(): string {
    const copy = this.#svg.cloneNode(true) as SVGSVGElement;
    const { width, height } = this.#svg.getBoundingClientRect();
    copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const ink = getComputedStyle(this.element).color;
    for (const text of copy.querySelectorAll("text")) text.setAttribute("fill", ink);
    for (const ribbon of copy.querySelectorAll(".ribbon")) ribbon.setAttribute("opacity", ribbon.classList.contains("strong") ? "0.85" : "0.32");
    copy.setAttribute("font-family", "sans-serif");
    copy.setAttribute("font-size", "12");
    return new XMLSerializer().serializeToString(copy);
  }

  /** A choice in the second tree selects its match in the first; another selection there ends it. */
  #echo(): number | null {
    const chosen = this.#chosen as number;
    return this.#match(this.#other as Shown, chosen, this.store.shown).node === this.store.state.selected ? chosen : null;
  }

  /** The best match of a node in the other tree; the last is kept, as a choice asks for it several times. */
  #match(from: Shown, node: number, to: Shown): Match {
    const known = this.#known;
    if (known?.from === from && known.node === node && known.to === to) return known.match;
    const leaves = Array.from(from.tree.leaves(node), (leaf) => to.leafOf(from.sample(leaf)));
    const match = bestMatch(to.tree, leaves.filter((leaf) => leaf >= 0));
    this.#known = { from, node, to, match };
    return match;
  }

  #draw(): void {
    const { store } = this;
    const other = this.#other;
    const { width, height } = this.#svg.getBoundingClientRect();
    if (other === null || width === 0 || height === 0) return;
    const samples = store.page.trees[0].tree.n;
    const most = Math.min(Math.max(Number(this.#count.value) || FEWEST, FEWEST), MOST);
    const left = sideOf(store.shown, store.state.focus, most, samples);
    const right = sideOf(other, this.#otherFocus, most, samples);
    const table = contingency(left.ofSample, left.groups.length, right.ofSample, right.groups.length);
    order(right, table);
    place(left, height);
    place(right, height);
    const from = width * 0.3;
    const to = width * 0.7;
    const { colours } = store;
    const css = colours.css(getComputedStyle(this.element).getPropertyValue("--quiet"));
    const chosen = this.#chosen === null ? { side: left, node: store.state.selected } : { side: right, node: this.#chosen };
    const shares = [left, right].map((side) => sharesOf(side, chosen.side.shown, chosen.node));
    const whole = chosen.node === chosen.side.shown.tree.root;
    this.element.classList.toggle("choosing", !whole);
    const ribbons = this.#ribbons(left, right, table, [from + BAR, to], (row) => css[colours.of(left.groups[row])], whole ? null : shares);
    const parts = [
      ...ribbons,
      ...this.#bars(left, from, true, (group) => css[colours.of(group)], whole ? null : shares[0]),
      ...this.#bars(right, to, false, () => getComputedStyle(this.element).getPropertyValue("--quiet"), whole ? null : shares[1]),
    ];
    const active = document.activeElement?.getAttribute("data-group");
    this.#svg.replaceChildren(...parts);
    if (active) this.#svg.querySelector<SVGElement>(`[data-group="${active}"]`)?.focus();
    this.#tell(chosen, whole);
    this.#head(0, left, store.state.focus, (node) => store.set({ focus: node, selected: node }));
    this.#head(1, right, this.#otherFocus, (node) => {
      this.#otherFocus = node;
      this.#draw();
    });
    store.need([...left.groups.filter((v) => left.shown.tree.isLeaf(v)), ...right.groups.filter((v) => other.tree.isLeaf(v)).map((v) => store.shown.leafOf(other.sample(v))).filter((v) => v >= 0)]);
  }

  #head(at: number, side: Side, focus: number, go: (node: number) => void): void {
    const { tree } = side.shown;
    const title = side.shown.data.head.title || (at === 0 ? "this tree" : "other tree");
    const up = element("button", { type: "button", title: "to the node above" }, "↑ up");
    up.disabled = focus === tree.root;
    up.addEventListener("click", () => go(tree.parent[focus]));
    this.#titles[at].replaceChildren(element("strong", {}, plain(title, 60)), ...(focus === tree.root ? [] : [element("bdi", {}, plain(side.shown.title(focus), 40))]), up);
  }

  #tell(chosen: { side: Side; node: number }, whole: boolean): void {
    const { store } = this;
    const other = this.#other as Shown;
    const { agreement } = store.page.head;
    if (whole) {
      const all = agreement == null ? "" : ` Agreement in all: ${agreement.mean.toFixed(3)}, the mean Jaccard of best matches.`;
      this.#told.textContent = `Select a group to see where its samples are in the other tree.${all}`;
      return;
    }
    const first = chosen.side.shown === store.shown;
    const target = first ? other : store.shown;
    const match = this.#match(chosen.side.shown, chosen.node, target);
    this.#told.replaceChildren(
      element("b", {}, element("bdi", {}, plain(chosen.side.shown.title(chosen.node), 40))),
      ` is most like `,
      element("b", {}, element("bdi", {}, plain(target.title(match.node), 40))),
      ` in the ${first ? "second" : "first"} tree: Jaccard ${match.jaccard.toFixed(3)}, ${match.common.toLocaleString("en")} samples in both of ${chosen.side.shown.tree.size[chosen.node].toLocaleString("en")} and ${target.tree.size[match.node].toLocaleString("en")}`,
    );
  }

  #choose(side: Side, node: number): void {
    if (side.shown === this.store.shown) {
      this.#chosen = null;
      this.store.set({ selected: node });
    } else {
      this.#chosen = node;
      this.store.set({ selected: this.#match(side.shown, node, this.store.shown).node });
    }
    this.#draw();
  }

  #open(side: Side, node: number): void {
    if (side.shown.tree.isLeaf(node)) return;
    if (side.shown === this.store.shown) this.store.set({ focus: node, selected: node });
    else {
      this.#otherFocus = node;
      this.#draw();
    }
  }

  #ribbons(left: Side, right: Side, table: Int32Array, [from, to]: [number, number], colour: (row: number) => string, shares: Float64Array[] | null): SVGElement[] {
    const columns = right.groups.length;
    const used = [left, right].map((side) => side.groups.map((_, at) => side.edges[at][0]));
    const parts: SVGElement[] = [];
    for (let row = 0; row < left.groups.length; row++) {
      for (let column = 0; column < columns; column++) {
        const common = table[row * columns + column];
        if (common === 0) continue;
        const thick = [left, right].map((side, at) => {
          const group = at === 0 ? row : column;
          const [top, bottom] = side.edges[group];
          return ((bottom - top) * common) / side.shown.tree.size[side.groups[group]];
        });
        const [a, b] = [used[0][row], used[1][column]];
        used[0][row] += thick[0];
        used[1][column] += thick[1];
        const strong = shares !== null && shares[0][row] > 0 && shares[1][column] > 0;
        const middle = (from + to) / 2;
        const path = `M${from} ${a}C${middle} ${a} ${middle} ${b} ${to} ${b}V${b + thick[1]}C${middle} ${b + thick[1]} ${middle} ${a + thick[0]} ${from} ${a + thick[0]}Z`;
        parts.push(drawn("path", { class: strong ? "ribbon strong" : "ribbon", d: path, fill: colour(row) }));
      }
    }
    return parts;
  }

  #bars(side: Side, x: number, isLeft: boolean, colour: (group: number) => string, shares: Float64Array | null): SVGElement[] {
    const { shown } = side;
    const room = Math.floor((isLeft ? x - 20 : this.#svg.getBoundingClientRect().width - x - BAR - 20) / LETTER);
    return side.groups.map((node, at) => {
      const [top, bottom] = side.edges[at];
      const count = shown.tree.size[node].toLocaleString("en");
      const selected = this.#chosen === null ? isLeft && node === this.store.state.selected : !isLeft && node === this.#chosen;
      const title = plain(shown.title(node), 200);
      const group = drawn("g", {
        class: selected ? "group selected" : "group", tabindex: "0", role: "button",
        "aria-label": `${title}, ${count} samples`, "data-group": `${isLeft ? "a" : "b"}${node}`,
      });
      group.append(drawn("title", {}, `${title}: ${count} samples`), drawn("rect", { class: "bar", x, y: top, width: BAR, height: Math.max(bottom - top, 1), fill: colour(node) }));
      if (shares !== null && shares[at] > 0) group.append(drawn("rect", { class: "share", x: isLeft ? x - 4 : x + BAR + 1, y: top, width: 3, height: Math.max((bottom - top) * shares[at], 1) }));
      if (bottom - top >= 11) {
        const name = plain(title, Math.max(room - count.length - 2, 3));
        const text = drawn("text", { x: isLeft ? x - 9 : x + BAR + 9, y: (top + bottom) / 2, "dominant-baseline": "central", "text-anchor": isLeft ? "end" : "start" });
        text.append(name, drawn("tspan", { class: "count", dx: 6 }, count));
        group.append(text);
      }
      group.addEventListener("click", () => this.#choose(side, node));
      group.addEventListener("dblclick", () => this.#open(side, node));
      group.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        if (event.key === "Enter" && event.ctrlKey) this.#open(side, node);
        else this.#choose(side, node);
      });
      return group;
    });
  }
}

function sideOf(shown: Shown, focus: number, most: number, samples: number): Side {
  const groups = Array.from(groupsBelow(shown.tree, focus, most));
  const ofSample = new Int32Array(samples).fill(-1);
  groups.forEach((node, at) => {
    for (const leaf of shown.tree.leaves(node)) ofSample[shown.sample(leaf)] = at;
  });
  return { shown, focus, groups, ofSample, edges: [] };
}

/** Turns the children of nodes of the right side round, so that groups come near those they share most with. */
function order(right: Side, table: Int32Array): void {
  const columns = right.groups.length;
  const rows = table.length / columns;
  const { tree } = right.shown;
  const [weight, total] = [new Map<number, number>(), new Map<number, number>()];
  const add = (map: Map<number, number>, node: number, value: number): void => void map.set(node, (map.get(node) ?? 0) + value);
  const below = new Map<number, Set<number>>();
  right.groups.forEach((group, column) => {
    let [sum, mean] = [0, 0];
    for (let row = 0; row < rows; row++) {
      sum += table[row * columns + column];
      mean += row * table[row * columns + column];
    }
    for (let v = group; ; v = tree.parent[v]) {
      add(weight, v, sum);
      add(total, v, mean);
      if (v === right.focus) break;
      const above = tree.parent[v];
      const known = below.get(above);
      if (known === undefined) below.set(above, new Set([v]));
      else known.add(v);
    }
  });
  const wish = (node: number): number => (total.get(node) as number) / Math.max(weight.get(node) as number, 1);
  const sorted: number[] = [];
  const stack = [right.focus];
  while (stack.length > 0) {
    const node = stack.pop() as number;
    const children = below.get(node);
    if (children === undefined) sorted.push(node);
    else stack.push(...Array.from(children).sort((a, b) => wish(b) - wish(a)));
  }
  const column = new Map(right.groups.map((node, at) => [node, at]));
  const from = sorted.map((node) => column.get(node) as number);
  const old = table.slice();
  for (let row = 0; row < rows; row++) from.forEach((was, now) => (table[row * columns + now] = old[row * columns + was]));
  const now = new Int32Array(columns);
  from.forEach((was, at) => (now[was] = at));
  right.ofSample.forEach((group, sample) => {
    if (group >= 0) right.ofSample[sample] = now[group];
  });
  right.groups = sorted;
}

function place(side: Side, height: number): void {
  const gap = Math.min(6, height / side.groups.length / 4);
  const room = height - 8 - gap * (side.groups.length - 1);
  const { size } = side.shown.tree;
  // Square roots, so that small groups are seen beside large ones.
  const parts = side.groups.map((node) => Math.sqrt(size[node]));
  const whole = parts.reduce((sum, part) => sum + part, 0);
  let y = 4;
  side.edges = parts.map((part) => {
    const edge: [number, number] = [y, y + (room * part) / whole];
    y = edge[1] + gap;
    return edge;
  });
}

/** Share of each group's samples that lie under a node of one of the trees. */
function sharesOf(side: Side, shown: Shown, node: number): Float64Array {
  const counts = new Float64Array(side.groups.length);
  for (const leaf of shown.tree.leaves(node)) {
    const group = side.ofSample[shown.sample(leaf)];
    if (group >= 0) counts[group]++;
  }
  return counts.map((count, at) => count / side.shown.tree.size[side.groups[at]]);
}

function drawn<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string | number>>, text = ""): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== "") made.textContent = text;
  return made;
}
