import { centred, Glide, stepTowards, transvection } from "../core/geodesic.ts";
import { apply, compose, distance, IDENTITY, inverse, type Complex, type Mobius } from "../core/mobius.ts";

const CENTRE: Complex = { re: 0, im: 0 };
const BEYOND = 0.3; // hyperbolic length that one may go beyond the leaves
const MOST_PENDING = 2.5; // hyperbolic length that the wheel may ask for at a time
const WHEEL_FADE = 90; // milliseconds in which what the wheel asks for is done but for a third

/** The view of the disk: what map it is seen through, and how that moves. Points are those of the unit disk. */
export class Camera {
  map: Mobius = IDENTITY;
  /** Time of the last movement. */
  movedAt = -Infinity;
  #glide: { way: Glide; from: number; lasts: number } | null = null;
  /** Hyperbolic length that the wheel still asks for, and where to. */
  #pending = 0;
  #towards: Complex = CENTRE;
  #grabbed: { map: Mobius; at: Complex } | null = null;
  /** Whether the view was moved by hand and where it came to rest has not been asked for. */
  #byHand = false;

  /** `still` says whether movements are to be left out; `reach` is the distance of the leaves from the root. */
  constructor(
    private readonly still: () => boolean,
    private readonly reach: () => number,
  ) {}

  /** Whether the picture is held. */
  get held(): boolean {
    return this.#grabbed !== null;
  }

  /** Shows a point of the layout in the middle at once. */
  centre(point: Complex): void {
    this.#stop();
    this.map = centred(point);
  }

  /** Goes along a geodesic until a point of the layout is in the middle. */
  glideTo(point: Complex): void {
    this.#stop();
    const way = new Glide(this.map, point);
    if (this.still() || way.effort < 1e-9) this.map = way.at(1);
    else this.#glide = { way, from: -1, lasts: Math.min(300 + 130 * way.effort, 1000) };
  }

  /** Follows glides and the wheel up to a time, `passed` after the last; whether the view goes on moving by itself. */
  move(now: number, passed: number): boolean {
    if (this.#glide !== null) {
      const { way, lasts } = this.#glide;
      if (this.#glide.from < 0) this.#glide.from = now;
      const share = Math.min((now - this.#glide.from) / lasts, 1);
      this.map = way.at(share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2);
      if (share === 1) this.#glide = null;
      this.movedAt = now;
      return share < 1;
    }
    if (this.#pending === 0) return false;
    const atOnce = this.still() || Math.abs(this.#pending) < 0.004;
    const length = this.#pending * (atOnce ? 1 : 1 - Math.exp(-passed / WHEEL_FADE));
    this.#pending -= length;
    this.#step(length);
    this.#touched(now);
    return this.#pending !== 0 || this.#glide !== null;
  }

  /** Holds the picture at a point that is seen. */
  grab(seen: Complex): void {
    this.#stop();
    this.#grabbed = { map: this.map, at: seen };
  }

  /** Moves the point where the picture is held to another; whether that moved it. */
  drag(to: Complex, now: number): boolean {
    if (this.#grabbed === null) return false;
    const moved = this.#try(compose(transvection(this.#grabbed.at, to), this.#grabbed.map));
    if (moved) this.#touched(now);
    return moved;
  }

  release(): void {
    this.#grabbed = null;
  }

  /** Goes a length closer to a point that is seen, or back towards the root: in time, or at once. */
  zoom(length: number, seen: Complex, atOnce: boolean, now: number): void {
    this.#glide = null;
    this.#towards = seen;
    if (atOnce) {
      this.#step(length);
      this.#touched(now);
    } else this.#pending = Math.min(Math.max(this.#pending + length, -MOST_PENDING), MOST_PENDING);
  }

  /** Whether a movement by hand has ended some milliseconds ago; true only once. */
  settled(now: number, after: number): boolean {
    const settled = this.#byHand && !this.held && now - this.movedAt >= after;
    if (settled) this.#byHand = false;
    return settled;
  }

  /** Whether a movement by hand is still to settle. */
  get unsettled(): boolean {
    return this.#byHand && !this.held;
  }

  #stop(): void {
    this.#glide = null;
    this.#pending = 0;
  }

  #step(length: number): void {
    if (length > 0) {
      const most = distance(CENTRE, this.#towards);
      // Where the pointer is near the middle there is not far to go.
      const slowed = length * Math.min(Math.hypot(this.#towards.re, this.#towards.im) / 0.25, 1);
      this.#try(stepTowards(this.map, this.#towards, Math.min(slowed, most)));
      return;
    }
    const root = apply(this.map, CENTRE);
    if (distance(CENTRE, root) < -length) this.glideTo(CENTRE);
    else this.map = stepTowards(this.map, root, -length);
  }

  /** Takes a view unless it leaves the tree behind. */
  #try(map: Mobius): boolean {
    if (distance(CENTRE, apply(inverse(map), CENTRE)) > this.reach() + BEYOND) return false;
    this.map = map;
    return true;
  }

  #touched(now: number): void {
    this.movedAt = now;
    this.#byHand = true;
  }
}
