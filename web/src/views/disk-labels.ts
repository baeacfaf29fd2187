import type { Scene } from "./disk-scene.ts";

/** A name in the picture. */
export interface Label {
  node: number;
  text: string;
  /** Place of the node in pixels from the middle, y down. */
  nodeX: number;
  nodeY: number;
  /** Box of the text, with a thumbnail above it if `picture` is more than 0, the side of that. */
  x: number;
  y: number;
  width: number;
  height: number;
  picture: number;
  /** Whether it tells a size, for want of a name. */
  quiet: boolean;
  /** Height of the type in pixels. */
  type: number;
  alpha: number;
  goal: number;
}

/** What the labels are made from. */
export interface LabelSource {
  /** Name of a node as it is to be shown, "" for none. */
  text(node: number): string;
  /** Width of a text in type of 16 pixels. */
  width(text: string): number;
  /** Side of a node's thumbnail in a place where a unit of length takes so many pixels, 0 for none. */
  picture(node: number, unit: number): number;
  /** 2 for a node that must be named, 1 for one that should be, 0 for others, -1 where only a size is told. */
  weight(node: number): number;
}

/** How the picture is. */
export interface Frame {
  radius: number;
  width: number;
  height: number;
  moving: boolean;
  /** Milliseconds since the last picture; Infinity where nothing fades. */
  passed: number;
}

const FACTOR = [0.3, 1, 1.6, 1] as const; // by weight
const MOST = 90;
const MOST_TRIED = 500;
const LEAST_UNIT = 9; // pixels a unit of hyperbolic length takes where names begin
const LEAST_SIZED = 48; // where sizes of nodes without a name do
const FADING_UNIT = 3; // pixels more, where they are wholly there
const GAP = 5; // between two labels at rest
const CLEAR = 16; // around a label that comes while the picture moves
const FADE = 140; // milliseconds
const AWAY = 700; // milliseconds that a label which had to go stays away while the picture moves
const OFF = 7; // of the text from its node

/**
 * Names that fit: those nearest to the middle and of the largest nodes first, none over another. A name that is
 * shown stays while the picture moves until another comes close to it, and fades before they meet.
 */
export class Labels {
  readonly #shown = new Map<number, Label>();
  readonly #order: number[] = [];
  /** When a label had to go, by its node, since the picture last was at rest. */
  readonly #gone = new Map<number, number>();
  #clock = 0;
  #ranks = new Float64Array(0);
  readonly #kept: Label[] = [];
  /** The label that is tried; a copy is kept if it fits. */
  readonly #tried: Label = {
    node: -1, text: "", nodeX: 0, nodeY: 0, x: 0, y: 0, width: 0, height: 0, picture: 0, quiet: false, type: 0, alpha: 0, goal: 1,
  };
  /** Whether a label is still fading. */
  fading = false;

  constructor(private readonly source: LabelSource) {}

  /** Labels of the last picture, the first of most weight; those of alpha near 0 are about to come or go. */
  get all(): readonly Label[] {
    return this.#kept;
  }

  clear(): void {
    this.#shown.clear();
    this.#kept.length = 0;
  }

  place(scene: Scene, frame: Frame): void {
    this.#clock += Math.min(frame.passed, FADE);
    if (!frame.moving) this.#gone.clear();
    this.#rank(scene, frame);
    const wanted = frame.moving ? null : this.#wanted(scene, frame);
    const kept = this.#kept;
    kept.length = 0;
    let found = 0;
    for (const at of this.#order) {
      const label = this.#shown.get(scene.node[at]);
      if (label === undefined) continue;
      found++;
      this.#lay(label, scene, at, frame);
      const gap = least(kept, label);
      if (gap <= 0) {
        this.#shown.delete(label.node);
        this.#gone.set(label.node, this.#clock);
        found--;
        continue;
      }
      if (wanted !== null) label.goal = wanted.has(label.node) ? 1 : 0;
      else {
        label.goal = Math.min(gap / GAP, 1) * this.#fade(scene, at, frame);
        label.alpha = Math.min(label.alpha, label.goal);
      }
      kept.push(label);
    }
    if (found < this.#shown.size) {
      for (const [node, label] of this.#shown) if (!kept.includes(label)) this.#shown.delete(node);
    }
    if (wanted === null) this.#comeWhileMoving(scene, frame);
    else for (const label of wanted.values()) if (!this.#shown.has(label.node) && least(kept, label) >= GAP) this.#show(label);
    this.#step(frame.passed);
  }

  #rank(scene: Scene, { radius }: Frame): void {
    const order = this.#order;
    order.length = 0;
    if (this.#ranks.length < scene.node.length) this.#ranks = new Float64Array(scene.node.length);
    const ranks = this.#ranks;
    const { size } = scene.tree;
    for (let at = 0; at < scene.count; at++) {
      const node = scene.node[at];
      const scale = 1 - scene.x[at] * scene.x[at] - scene.y[at] * scene.y[at];
      const weight = this.source.weight(node);
      const unit = (scale * radius) / 2;
      if (weight < 0 ? unit < LEAST_SIZED : unit < LEAST_UNIT && weight < 2 && (size[node] === 1 || scene.room[at] < 18)) continue;
      ranks[at] = scale * (1 + 0.12 * Math.log2(size[node])) * FACTOR[weight + 1] + (weight === 2 ? 100 : 0);
      order.push(at);
    }
    order.sort((a, b) => ranks[b] - ranks[a]);
    if (order.length > MOST_TRIED) order.length = MOST_TRIED;
  }

  /** The labels that would be there if nothing were shown yet. */
  #wanted(scene: Scene, frame: Frame): Map<number, Label> {
    const placed: Label[] = [];
    const wanted = new Map<number, Label>();
    for (const at of this.#order) {
      if (placed.length === MOST) break;
      if (this.#fade(scene, at, frame) < 0.5) continue;
      if (!this.#try(scene, at, frame) || least(placed, this.#tried) < GAP) continue;
      const label = { ...this.#tried };
      placed.push(label);
      wanted.set(label.node, label);
    }
    return wanted;
  }

  #comeWhileMoving(scene: Scene, frame: Frame): void {
    for (const at of this.#order) {
      if (this.#kept.length >= MOST) break;
      const node = scene.node[at];
      if (this.#shown.has(node) || this.#fade(scene, at, frame) < 1) continue;
      if (this.#clock - (this.#gone.get(node) ?? -Infinity) < AWAY) continue;
      if (this.#try(scene, at, frame) && least(this.#kept, this.#tried) >= CLEAR) this.#show({ ...this.#tried });
    }
  }

  #show(label: Label): void {
    label.goal = 1;
    this.#shown.set(label.node, label);
    this.#kept.push(label);
  }

  /** Lays out the label of an entry, if it has a text. */
  #try(scene: Scene, at: number, frame: Frame): boolean {
    this.#tried.node = scene.node[at];
    this.#tried.text = this.source.text(this.#tried.node);
    if (this.#tried.text === "") return false;
    this.#lay(this.#tried, scene, at, frame);
    return true;
  }

  /** Names of leaves fade in as they come nearer; those of larger nodes are there as long as they have room. */
  #fade(scene: Scene, at: number, { radius }: Frame): number {
    const node = scene.node[at];
    const weight = this.source.weight(node);
    if (weight === 2) return 1;
    const scale = 1 - scene.x[at] * scene.x[at] - scene.y[at] * scene.y[at];
    const near = ((scale * radius) / 2 - (weight < 0 ? LEAST_SIZED : LEAST_UNIT)) / FADING_UNIT;
    const roomy = weight < 0 || scene.tree.size[node] === 1 ? 0 : (scene.room[at] - 18) / 6;
    return Math.min(Math.max(near, roomy, 0), 1);
  }

  #lay(label: Label, scene: Scene, at: number, frame: Frame): void {
    const { radius } = frame;
    const x = scene.x[at];
    const y = -scene.y[at];
    const scale = Math.max(1 - x * x - y * y, 0);
    label.text = this.source.text(label.node) || label.text;
    label.quiet = this.source.weight(label.node) < 0;
    label.type = label.quiet ? 11.5 : Math.round(2 * (11 + 5 * scale)) / 2;
    label.picture = this.source.picture(label.node, (scale * radius) / 2);
    label.width = Math.max((this.source.width(label.text) * label.type) / 16, label.picture);
    label.height = label.type * 1.25 + label.picture;
    label.nodeX = x * radius;
    label.nodeY = y * radius;
    // Outwards from the middle, turning smoothly about the node as it moves.
    const dx = label.nodeX;
    const dy = label.nodeY - 18;
    const norm = Math.max((dx ** 4 + dy ** 4) ** 0.25, 1e-9);
    // A thumbnail, once it has grown, lies on the node itself.
    const beside = 1 - Math.min(label.picture / 24, 1);
    const below = (label.height - label.picture) / 2;
    const shiftX = beside * (dx / norm) * (label.width / 2 + OFF);
    const shiftY = beside * (dy / norm) * (label.height / 2 + OFF) + (1 - beside) * below;
    const limitX = frame.width / 2 - 2 - label.width / 2;
    const limitY = frame.height / 2 - 2 - label.height / 2;
    label.x = Math.min(Math.max(label.nodeX + shiftX, -limitX), limitX) - label.width / 2;
    label.y = Math.min(Math.max(label.nodeY + shiftY, -limitY), limitY) - label.height / 2;
  }

  #step(passed: number): void {
    this.fading = false;
    for (const label of this.#kept) {
      const change = label.goal - label.alpha;
      label.alpha += Math.sign(change) * Math.min(Math.abs(change), passed / FADE);
      if (label.alpha !== label.goal) this.fading = true;
      else if (label.goal === 0) {
        this.#shown.delete(label.node);
        this.fading = true; // there may be room now
      }
    }
  }
}

/** The smallest gap in pixels between a label and others, Infinity with none. */
function least(others: readonly Label[], { x, y, width, height }: Label): number {
  let gap = Infinity;
  for (const other of others) {
    const across = Math.max(other.x - x - width, x - other.x - other.width);
    const along = Math.max(other.y - y - height, y - other.y - other.height);
    gap = Math.min(gap, Math.max(across, along));
    if (gap <= 0) break;
  }
  return gap;
}
