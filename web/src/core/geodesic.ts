import { apply, compose, distance, gap, inverse, translation, type Complex, type Mobius } from "./mobius.ts";

/**
 * The circle through two points of the unit disk that meets its boundary at right angles: centre and radius,
 * written to `out`. False where the geodesic is straight, or the points are one.
 */
export function orthogonalCircle(x1: number, y1: number, x2: number, y2: number, out: Float64Array): boolean {
  const cross = x1 * y2 - x2 * y1;
  if (Math.abs(cross) < 1e-12) return false;
  const half1 = (1 + x1 * x1 + y1 * y1) / 2;
  const half2 = (1 + x2 * x2 + y2 * y2) / 2;
  const x = (half1 * y2 - half2 * y1) / cross;
  const y = (x1 * half2 - x2 * half1) / cross;
  out[0] = x;
  out[1] = y;
  out[2] = Math.hypot(x - x1, y - y1);
  return true;
}

/** The translation along the geodesic through two points that takes the first to the second. */
export function transvection(from: Complex, to: Complex): Mobius {
  // In closed form: by way of the centre, what is near the boundary would lose as many digits as it is far out.
  const re = 1 - (to.re * from.re + to.im * from.im);
  const im = to.re * from.im - to.im * from.re;
  const scale = 1 / (Math.hypot(re, im) * Math.sqrt(gap(from) * gap(to)));
  return {
    a: { re: scale * (re - ((1 - re) * re - im * im)), im: scale * (im + (1 - re) * im + im * re) },
    b: {
      re: scale * (to.re * re + to.im * im - from.re * re + from.im * im),
      im: scale * (to.im * re - to.re * im - from.re * im - from.im * re),
    },
  };
}

/** Rotation about the centre by an angle in radians. */
export function rotation(angle: number): Mobius {
  return { a: { re: Math.cos(angle / 2), im: Math.sin(angle / 2) }, b: { re: 0, im: 0 } };
}

/** The map in which a point lies in the centre, as it falls out of a straight way there from the origin. */
export function centred(point: Complex): Mobius {
  return translation({ re: -point.re, im: -point.im });
}

/**
 * The way from one view to that centred at a point: along the geodesic, while the picture turns by as much as
 * earlier ways have left it turned.
 */
export class Glide {
  readonly length: number;
  readonly #way: Complex;
  readonly #turn: number;
  readonly #goal: Mobius;

  constructor(
    readonly start: Mobius,
    point: Complex,
  ) {
    const seen = apply(start, point);
    const reach = Math.hypot(seen.re, seen.im);
    this.length = distance({ re: 0, im: 0 }, seen);
    this.#way = reach > 0 ? { re: seen.re / reach, im: seen.im / reach } : { re: 0, im: 0 };
    this.#goal = centred(point);
    const { a } = compose(this.#goal, inverse(this.#moved(1)));
    // A map and its negative are one: the angle is twice that of a, modulo a whole turn.
    this.#turn = 2 * Math.atan2(Math.sign(a.re || 1) * a.im, Math.abs(a.re));
  }

  /** Size of the glide as the eye has it: its length, and how much it turns. */
  get effort(): number {
    return this.length + Math.abs(this.#turn);
  }

  /** The view at a share of the way, 0 to 1. */
  at(share: number): Mobius {
    if (share >= 1) return this.#goal;
    return compose(rotation(this.#turn * share), this.#moved(share));
  }

  #moved(share: number): Mobius {
    const step = -Math.tanh((this.length * share) / 2);
    return compose(translation({ re: step * this.#way.re, im: step * this.#way.im }), this.start);
  }
}

/** The view after a step of hyperbolic length towards a point of the picture. */
export function stepTowards(view: Mobius, seen: Complex, length: number): Mobius {
  const reach = Math.hypot(seen.re, seen.im);
  if (reach === 0) return view;
  const step = -Math.tanh(length / 2) / reach;
  return compose(translation({ re: step * seen.re, im: step * seen.im }), view);
}
