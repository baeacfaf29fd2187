import "./disk.css";
import type { Complex } from "../core/mobius.ts";
import type { Colours } from "../page/colours.ts";
import { element, plain } from "../page/dom.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Camera } from "./disk-camera.ts";
import { listen } from "./disk-gestures.ts";
import { Labels, type Label } from "./disk-labels.ts";
import { Names } from "./disk-names.ts";
import { traceGeodesic } from "./disk-path.ts";
import { Scene } from "./disk-scene.ts";
import { sceneSvg } from "./disk-svg.ts";
import { Thumbnails } from "./disk-thumbnails.ts";

const MARGIN = 10; // pixels around the disk
const DETAIL = 1.5; // pixels at the rim below which the tree is not followed
const WIDTHS = [0.6, 0.9, 1.2, 1.6, 2, 2.5, 3, 3.6] as const;
const HOLD = 0.97; // of the radius: how far out the picture can be held
const HIT = 16; // pixels from a node that still mean it
const SETTLED = 180; // milliseconds after the last movement
const PICTURED = 24; // pixels a unit of length takes where thumbnails begin to grow
const LEAST_PICTURE = 16; // pixels, from where on they are read and painted
const LARGEST_PICTURE = 96;
const LARGEST_OF_GROUP = 44;
const FONT = "system-ui, sans-serif";
const TRUNK = "#85859a";

/** Colours of the theme. */
interface Theme {
  ink: string;
  ground: string;
  line: string;
  accent: string;
  quiet: string;
  raised: string;
}

/** The Poincaré disk: the tree as geodesics, with names; panning is a translation of the hyperbolic plane. */
export class Disk implements View {
  readonly element: HTMLElement;
  readonly #canvas = element("canvas", {
    tabindex: "0",
    role: "application",
    "aria-roledescription": "map of the hierarchy",
    "aria-label": "The hierarchy in the Poincaré disk",
    "aria-describedby": "disk-help",
  });
  readonly #context: CanvasRenderingContext2D;
  readonly #inks = element("span", { class: "disk-inks", "aria-hidden": "true" });
  readonly #told = element("p", { class: "disk-told", role: "status", "aria-live": "polite" });
  readonly #tip = element("div", { class: "disk-tip", hidden: true });
  readonly #labels: Labels;
  readonly #thumbnails: Thumbnails;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #scene: Scene;
  #colours!: Colours;
  #css: string[] = [];
  #theme!: Theme;
  /** Nodes of the cut are 1, (m). */
  #cut: Uint8Array;
  #cutNodes: Int32Array = new Int32Array(0);
  readonly #camera = new Camera(
    () => this.#still.matches,
    () => this.#scene.layout.radius(0),
  );
  /** The focus that a movement of the picture has led to: no glide goes there. */
  #followed = -1;
  #drawnAt = 0;
  #waiting = false;
  #width = 0;
  #height = 0;
  #radius = 1;
  readonly #names = new Names(
    () => this.store.shown,
    (text) => {
      this.#context.font = `16px ${FONT}`;
      return this.#context.measureText(text).width;
    },
  );
  readonly #circle = new Float64Array(3);
  readonly #point = { re: 0, im: 0 };
  /** Edges by colour and width: the first of each, and the next of each edge, -1 for none. */
  #first = new Int32Array(0);
  #next = new Int32Array(0);

  constructor(private readonly store: Store) {
    const help = element("p", { class: "disk-told", id: "disk-help" }, HELP);
    this.element = element("section", { class: "disk", "aria-label": "Poincaré disk" }, this.#inks, this.#canvas, this.#tip, this.#told, help);
    this.#context = this.#canvas.getContext("2d") as CanvasRenderingContext2D;
    this.#thumbnails = new Thumbnails(() => this.#soon());
    this.#labels = new Labels({
      text: (node) => this.#text(node),
      width: (text) => this.#names.width(text),
      picture: (node, unit) => this.#picture(node, unit),
      weight: (node) => this.#weight(node),
    });
    const { tree, layout } = store.shown;
    this.#scene = new Scene(tree, layout);
    this.#cut = new Uint8Array(tree.m);
    this.#centre(store.state.focus);
    new ResizeObserver(() => this.#resize()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#dress());
    listen(this.#canvas, {
      grab: (at) => this.#camera.grab(this.#inDisk(at, HOLD)),
      drag: (to) => this.#drag(to),
      zoom: (length, towards, atOnce) => this.#zoom(length, this.#inDisk(towards, 1), atOnce),
      release: () => this.#release(),
      hover: (at) => this.#hover(at),
      click: (at, more) => this.#click(at, more),
      open: (at) => this.#open(at),
    });
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Number of nodes in the last picture. */
  get nodesDrawn(): number {
    return this.#scene.count;
  }

  update(changed: ReadonlySet<Change>): void {
    const { shown, state } = this.store;
    if (changed.has("tree") || this.#scene.tree !== shown.tree) {
      this.#scene = new Scene(shown.tree, shown.layout);
      this.#cut = new Uint8Array(shown.tree.m);
      this.#cutNodes = new Int32Array(0);
      this.#labels.clear();
      this.#centre(state.focus);
    }
    if (changed.has("tree") || changed.has("names")) {
      this.#names.clear();
    }
    if (changed.has("tree") || changed.has("k") || this.#cutNodes.length === 0) {
      for (const node of this.#cutNodes) this.#cut[node] = 0;
      this.#cutNodes = shown.cuts.nodes(state.k);
      for (const node of this.#cutNodes) this.#cut[node] = 1;
    }
    if (this.#colours !== this.store.colours || changed.has("theme")) this.#dress();
    if (changed.has("focus")) {
      if (state.focus !== this.#followed) this.#glideTo(state.focus);
      this.#followed = -1;
    }
    if (changed.has("selected") || changed.has("names")) this.#tell();
    if (changed.has("hovered") && state.hovered === null) this.#tip.hidden = true;
    this.#soon();
  }

  svg(): string {
    return sceneSvg(
      this.#scene,
      this.#labels.all,
      {
        ...this.#theme,
        edge: (at) => this.#css[this.#colours.of(this.#scene.node[at])],
        width: (at) => WIDTHS[this.#widthOf(at)],
        dot: (at) => Math.max(this.#dot(at), 0.3),
      },
      this.#radius,
      this.#width,
      this.#height,
    );
  }

  // Movement

  /** Shows a node in the middle at once. */
  #centre(node: number): void {
    this.#scene.place(node, this.#point);
    this.#camera.centre(this.#point);
  }

  #glideTo(node: number): void {
    this.#scene.place(node, this.#point);
    this.#camera.glideTo(this.#point);
    this.#soon();
  }

  #drag(to: Complex): void {
    if (this.#camera.drag(this.#inDisk(to, HOLD), performance.now())) this.#tip.hidden = true;
    this.#soon();
  }

  #release(): void {
    this.#camera.release();
    this.#soon();
  }

  #zoom(length: number, towards: Complex, atOnce: boolean): void {
    this.#camera.zoom(length, towards, atOnce, performance.now());
    this.#tip.hidden = true;
    this.#soon();
  }

  /** When the picture has come to rest after a movement by hand, the focus follows it. */
  #settle(): void {
    const scene = this.#scene;
    let [best, nearest] = [scene.tree.root, Infinity];
    for (let at = 0; at < scene.count; at++) {
      const away = Math.hypot(scene.x[at], scene.y[at]);
      if (away < nearest && !scene.tree.isLeaf(scene.node[at])) [best, nearest] = [scene.node[at], away];
    }
    if (best === this.store.state.focus) return;
    this.#followed = best;
    this.store.set({ focus: best });
  }

  /** A point in pixels from the middle as one of the disk, drawn in to `most` where it is farther out. */
  #inDisk(at: Complex, most: number): Complex {
    const reach = Math.hypot(at.re, at.im) / this.#radius;
    const scale = (reach > Math.min(most, 0.9999) ? Math.min(most, 0.9999) / reach : 1) / this.#radius;
    return { re: at.re * scale, im: at.im * scale };
  }

  // Pointing and keys

  #hover(at: Complex | null): void {
    const node = at === null ? null : this.#hit(at);
    this.#canvas.classList.toggle("over", node !== null);
    if (node !== this.store.state.hovered) this.store.set({ hovered: node });
    this.#tip.hidden = node === null;
    if (node === null || at === null) return;
    const { shown } = this.store;
    const size = shown.tree.size[node];
    this.#tip.replaceChildren(element("b", {}, plain(shown.title(node), 120)));
    const detail = shown.tree.isLeaf(node) ? "" : `${size.toLocaleString("en")} ${size === 1 ? "sample" : "samples"}`;
    if (detail !== "" && shown.name(node) !== "") this.#tip.append(element("span", {}, detail));
    const x = this.#width / 2 + at.re;
    const y = this.#height / 2 - at.im;
    const box = this.#tip.getBoundingClientRect();
    const left = x + 14 + box.width > this.#width ? x - 14 - box.width : x + 14;
    const top = y + 14 + box.height > this.#height ? y - 10 - box.height : y + 14;
    this.#tip.style.transform = `translate(${Math.max(left, 2)}px, ${Math.max(top, 2)}px)`;
  }

  #hit(at: Complex): number | null {
    const x = at.re;
    const y = -at.im;
    for (const label of this.#labels.all) {
      if (label.goal > 0 && x >= label.x && x <= label.x + label.width && y >= label.y && y <= label.y + label.height) return label.node;
    }
    const scene = this.#scene;
    let [best, nearest] = [-1, HIT];
    for (let i = 0; i < scene.count; i++) {
      const away = Math.hypot(scene.x[i] * this.#radius - x, -scene.y[i] * this.#radius - y) - this.#dot(i);
      if (away < nearest) [best, nearest] = [scene.node[i], away];
    }
    return best < 0 ? null : best;
  }

  #click(at: Complex, more: boolean): void {
    const node = this.#hit(at);
    if (node === null) return;
    if (more) {
      const { chosen } = this.store.state;
      this.store.set({ chosen: chosen.includes(node) ? chosen.filter((own) => own !== node) : [...chosen, node] });
    } else this.store.set({ selected: node });
  }

  #open(at: Complex): void {
    const node = this.#hit(at);
    if (node !== null) this.#goTo(node);
  }

  /** Selects a node and glides there. */
  #goTo(node: number): void {
    if (node === this.store.state.focus) this.#glideTo(node);
    this.store.set({ focus: node, selected: node });
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { state, shown } = this.store;
    const { tree } = shown;
    const { selected } = state;
    const parent = tree.parent[selected];
    const beside = (step: number): number => {
      if (parent < 0) return selected;
      const siblings = tree.children(parent);
      return siblings[(siblings.indexOf(selected) + step + siblings.length) % siblings.length];
    };
    const acts: Record<string, () => void> = {
      ArrowUp: () => parent >= 0 && this.#select(parent),
      ArrowDown: () => tree.isLeaf(selected) || this.#select(largest(tree.children(selected), tree.size)),
      ArrowLeft: () => this.#select(beside(-1)),
      ArrowRight: () => this.#select(beside(1)),
      Enter: () => this.#goTo(selected),
      Escape: () => this.#up(),
      Backspace: () => this.#up(),
      Home: () => this.#goTo(tree.root),
      "+": () => this.#zoomByKey(0.7),
      "=": () => this.#zoomByKey(0.7),
      "-": () => this.#zoomByKey(-0.7),
    };
    const act = Object.hasOwn(acts, event.key) ? acts[event.key] : undefined;
    if (act === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  #up(): void {
    const { tree } = this.store.shown;
    const { focus } = this.store.state;
    this.#goTo(tree.parent[focus] < 0 ? tree.root : tree.parent[focus]);
  }

  /** Selects a node, and goes there if it is too far out to be made out. */
  #select(node: number): void {
    this.store.set({ selected: node });
    this.#scene.see(this.#camera.map, node, this.#point);
    if (Math.hypot(this.#point.re, this.#point.im) > 0.8) this.store.set({ focus: node });
  }

  #zoomByKey(length: number): void {
    const { tree } = this.#scene;
    const towards = { re: 0, im: 0 };
    let node = this.store.state.selected;
    this.#scene.see(this.#camera.map, node, towards);
    while (Math.hypot(towards.re, towards.im) < 0.1 && !tree.isLeaf(node)) {
      node = largest(tree.children(node), tree.size);
      this.#scene.see(this.#camera.map, node, towards);
    }
    this.#zoom(length, towards, false);
  }

  #tell(): void {
    const { shown, state } = this.store;
    const { tree } = shown;
    const { selected } = state;
    const name = plain(shown.title(selected), 120);
    const size = tree.isLeaf(selected) ? ", a sample" : `, ${tree.size[selected].toLocaleString("en")} samples`;
    const sized = tree.isLeaf(selected) || shown.name(selected) !== "";
    const text = `${name}${sized ? size : ""}, level ${tree.depth[selected]}`;
    if (this.#told.textContent !== text) this.#told.textContent = text;
    if (tree.isLeaf(selected)) this.#names.text(selected);
  }

  // Looks

  #dress(): void {
    const style = getComputedStyle(this.#inks);
    this.#theme = {
      ink: style.color,
      ground: style.backgroundColor,
      line: style.borderTopColor,
      accent: style.outlineColor,
      quiet: style.textDecorationColor,
      raised: style.columnRuleColor,
    };
    this.#colours = this.store.colours;
    this.#css = this.#colours.css(TRUNK);
    this.#soon();
  }

  /** The text of a label: a size alone says what it counts only where it stands for something wanted. */
  #text(node: number): string {
    const text = this.#names.text(node);
    return this.#wanted(node) > 0 && this.#names.unnamed(node) ? `${text} samples` : text;
  }

  #weight(node: number): number {
    const wanted = this.#wanted(node);
    if (wanted > 0 || this.#scene.tree.isLeaf(node)) return wanted;
    return this.#names.unnamed(node) && this.#standsFor(node) < 0 ? -1 : 0;
  }

  #wanted(node: number): number {
    const { selected, focus } = this.store.state;
    if (node === selected) return 2;
    return node === focus || this.#cut[node] === 1 ? 1 : 0;
  }

  #picture(node: number, unit: number): number {
    if (unit < PICTURED || this.#standsFor(node) < 0) return 0;
    const most = this.store.shown.tree.isLeaf(node) ? LARGEST_PICTURE : LARGEST_OF_GROUP;
    return Math.min(2 * (unit - PICTURED), most);
  }

  /** The leaf whose thumbnail is shown at a node, -1 for none: of nodes with a name that of a leaf alone. */
  #standsFor(node: number): number {
    const { shown } = this.store;
    const { media } = shown.page;
    if (!media.anyImage) return -1;
    let leaf = node;
    if (!shown.tree.isLeaf(node)) {
      if (!this.#names.unnamed(node)) return -1;
      leaf = shown.typical(node).find((own) => media.hasImage(shown.sample(own))) ?? -1;
    }
    return leaf >= 0 && media.hasImage(shown.sample(leaf)) ? leaf : -1;
  }

  #widthOf(at: number): number {
    const scene = this.#scene;
    const { size, n } = scene.tree;
    const scale = Math.max(1 - scene.x[at] * scene.x[at] - scene.y[at] * scene.y[at], 0);
    const share = Math.log2(size[scene.node[at]] + 1) / Math.log2(n + 1);
    return Math.min(Math.floor(scale * (0.35 + 0.65 * share) * WIDTHS.length), WIDTHS.length - 1);
  }

  /** Radius of an entry's dot in pixels, 0 for none. */
  #dot(at: number): number {
    const scene = this.#scene;
    const node = scene.node[at];
    const scale = 1 - scene.x[at] * scene.x[at] - scene.y[at] * scene.y[at];
    const unit = (scale * this.#radius) / 2;
    if (this.#cut[node] === 1) return Math.min(2 + 0.55 * Math.log2(scene.tree.size[node]), unit / 5, scene.room[at] / 2);
    const own = Math.min(unit / 16, scene.tree.isLeaf(node) ? 3 : 2.4);
    return own < 0.8 ? 0 : own;
  }

  // Drawing

  #resize(): void {
    const { clientWidth, clientHeight } = this.element;
    if (clientWidth === 0 || clientHeight === 0) return;
    const ratio = devicePixelRatio;
    this.#width = clientWidth;
    this.#height = clientHeight;
    this.#radius = Math.max(Math.min(clientWidth, clientHeight) / 2 - MARGIN, 1);
    this.#canvas.width = Math.round(clientWidth * ratio);
    this.#canvas.height = Math.round(clientHeight * ratio);
    if (this.#colours !== undefined) this.#draw(performance.now());
  }

  #soon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame((now) => {
      this.#waiting = false;
      if (this.#width > 0 && this.#colours !== undefined) this.#draw(now);
    });
  }

  #draw(now: number): void {
    const camera = this.#camera;
    const again = camera.move(now, Math.min(now - this.#drawnAt, 50));
    const moving = again || now - camera.movedAt < (camera.held ? SETTLED : SETTLED / 2);
    const passed = this.#still.matches || this.#drawnAt === 0 ? Infinity : Math.min(now - this.#drawnAt, 50);
    this.#drawnAt = now;
    this.#scene.collect(this.#camera.map, this.#radius, DETAIL, this.#cut);
    this.#labels.place(this.#scene, { radius: this.#radius, width: this.#width, height: this.#height, moving, passed });
    this.#paint();
    const missing = this.#names.takeMissing();
    if (missing.length > 0) this.store.need(missing);
    if (camera.settled(now, SETTLED)) this.#settle();
    if (again || moving || this.#labels.fading || camera.unsettled) this.#soon();
  }

  #paint(): void {
    const context = this.#context;
    const ratio = devicePixelRatio;
    const { ground, raised, line } = this.#theme;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = ground;
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.setTransform(ratio, 0, 0, ratio, this.#canvas.width / 2, this.#canvas.height / 2);
    context.beginPath();
    context.arc(0, 0, this.#radius, 0, 2 * Math.PI);
    context.fillStyle = raised;
    context.fill();
    context.strokeStyle = line;
    context.lineWidth = 1;
    context.stroke();
    context.lineCap = "round";
    this.#paintEdges();
    this.#paintWay(this.store.state.selected);
    this.#paintDots();
    this.#paintMarks();
    this.#paintLabels();
  }

  #paintEdges(): void {
    const scene = this.#scene;
    const context = this.#context;
    const colours = this.#css.length;
    if (this.#first.length !== colours * WIDTHS.length) this.#first = new Int32Array(colours * WIDTHS.length);
    if (this.#next.length < scene.count) this.#next = new Int32Array(scene.node.length);
    this.#first.fill(-1);
    for (let at = 1; at < scene.count; at++) {
      const batch = this.#widthOf(at) * colours + this.#colours.of(scene.node[at]);
      this.#next[at] = this.#first[batch];
      this.#first[batch] = at;
    }
    for (let batch = 0; batch < this.#first.length; batch++) {
      let at = this.#first[batch];
      if (at < 0) continue;
      context.strokeStyle = this.#css[batch % colours];
      context.lineWidth = WIDTHS[Math.floor(batch / colours)];
      context.beginPath();
      for (; at >= 0; at = this.#next[at]) {
        const up = scene.up[at];
        traceGeodesic(context, this.#circle, this.#radius, scene.x[up], scene.y[up], scene.x[at], scene.y[at]);
      }
      context.stroke();
    }
  }

  /** The way from the root to a node. */
  #paintWay(node: number): void {
    const { tree } = this.#scene;
    const context = this.#context;
    context.strokeStyle = this.#theme.accent;
    context.lineWidth = 2.2;
    context.beginPath();
    const point = this.#point;
    this.#scene.see(this.#camera.map, node, point);
    let { re: x, im: y } = point;
    for (let up = tree.parent[node]; up >= 0; up = tree.parent[up]) {
      this.#scene.see(this.#camera.map, up, point);
      const { re, im } = point;
      if (Math.abs(re - x) + Math.abs(im - y) < 1 / this.#radius && up !== tree.root) continue;
      traceGeodesic(context, this.#circle, this.#radius, re, im, x, y);
      [x, y] = [re, im];
    }
    context.stroke();
  }

  #paintDots(): void {
    const scene = this.#scene;
    const context = this.#context;
    const colours = this.#css.length;
    this.#first.fill(-1);
    for (let at = 0; at < scene.count; at++) {
      if (this.#dot(at) === 0) continue;
      const colour = this.#colours.of(scene.node[at]);
      this.#next[at] = this.#first[colour];
      this.#first[colour] = at;
    }
    context.strokeStyle = this.#theme.ground;
    context.lineWidth = 1;
    for (let colour = 0; colour < colours; colour++) {
      let at = this.#first[colour];
      if (at < 0) continue;
      context.fillStyle = this.#css[colour];
      context.beginPath();
      for (; at >= 0; at = this.#next[at]) {
        const x = scene.x[at] * this.#radius;
        const y = -scene.y[at] * this.#radius;
        const dot = this.#dot(at);
        context.moveTo(x + dot, y);
        context.arc(x, y, dot, 0, 2 * Math.PI);
      }
      context.fill();
    }
  }

  /** Rings about what is selected, chosen and pointed at. */
  #paintMarks(): void {
    const { selected, chosen, hovered } = this.store.state;
    const context = this.#context;
    const ring = (node: number, size: number, width: number, colour: string): void => {
      this.#scene.see(this.#camera.map, node, this.#point);
      const { re, im } = this.#point;
      const scale = Math.max(Math.min((1 - re * re - im * im) * 2, 1), 0.35);
      context.beginPath();
      context.arc(re * this.#radius, -im * this.#radius, size * scale + 2, 0, 2 * Math.PI);
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    };
    if (hovered !== null) ring(hovered, 7, 1.5, this.#theme.ink);
    for (const node of chosen) {
      ring(node, 6, 5, this.#theme.ground);
      ring(node, 6, 3, this.#theme.accent);
    }
    ring(selected, 9, 4.5, this.#theme.ground);
    ring(selected, 9, 2.5, this.#theme.accent);
  }

  #paintLabels(): void {
    const context = this.#context;
    const { ink, quiet, ground } = this.#theme;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 3.5;
    context.strokeStyle = ground;
    let type = 0;
    for (const label of this.#labels.all) {
      if (label.alpha <= 0) continue;
      if (label.type !== type) {
        type = label.type;
        context.font = `${type}px ${FONT}`;
      }
      context.globalAlpha = label.alpha;
      if (label.picture >= LEAST_PICTURE) this.#paintPicture(label);
      const x = label.x + label.width / 2;
      const y = label.y + label.height - type * 0.6;
      context.fillStyle = label.quiet ? quiet : ink;
      context.strokeText(label.text, x, y);
      context.fillText(label.text, x, y);
    }
    context.globalAlpha = 1;
  }

  #paintPicture({ node, picture, x, y, width }: Label): void {
    const { shown } = this.store;
    const left = x + (width - picture) / 2;
    const leaf = this.#standsFor(node);
    if (leaf < 0) return;
    this.#thumbnails.paint(this.#context, shown.page.media.image(shown.sample(leaf)), left, y, picture, this.#theme.line);
  }
}

const HELP =
  "Arrow keys select: up the node above, down the largest below, left and right its siblings. Enter shows the selected node in the middle, Escape the node above, Home the whole. Plus and minus go closer and back.";

function largest(nodes: Int32Array, size: Int32Array): number {
  return nodes.reduce((best, node) => (size[node] > size[best] ? node : best));
}
