/** A point of the unit disk, or any complex number. */
export interface Complex {
  re: number;
  im: number;
}

/** An isometry of the Poincaré disk that keeps orientation: z → (a z + b) / (conj(b) z + conj(a)). */
export interface Mobius {
  a: Complex;
  b: Complex;
}

export const IDENTITY: Mobius = { a: { re: 1, im: 0 }, b: { re: 0, im: 0 } };

/** Image of a point. */
export function apply(map: Mobius, z: Complex): Complex {
  return applyTo(map, z, { re: 0, im: 0 });
}

/** Image of a point, written to `out`, which may be the point itself. */
export function applyTo({ a, b }: Mobius, { re, im }: Complex, out: Complex): Complex {
  const topRe = a.re * re - a.im * im + b.re;
  const topIm = a.re * im + a.im * re + b.im;
  const lowRe = b.re * re + b.im * im + a.re;
  const lowIm = b.re * im - b.im * re - a.im;
  const square = lowRe * lowRe + lowIm * lowIm;
  out.re = (topRe * lowRe + topIm * lowIm) / square;
  out.im = (topIm * lowRe - topRe * lowIm) / square;
  return out;
}

/** `first`, then `second`. */
export function compose(second: Mobius, first: Mobius): Mobius {
  const product = (x: Complex, y: Complex): Complex => ({ re: x.re * y.re - x.im * y.im, im: x.re * y.im + x.im * y.re });
  const conj = (x: Complex): Complex => ({ re: x.re, im: -x.im });
  const sum = (x: Complex, y: Complex): Complex => ({ re: x.re + y.re, im: x.im + y.im });
  const a = sum(product(second.a, first.a), product(second.b, conj(first.b)));
  const b = sum(product(second.a, first.b), product(second.b, conj(first.a)));
  // |a|² − |b|² stays 1 but for rounding, which would grow from one composition to the next.
  const scale = 1 / Math.sqrt(Math.max(a.re * a.re + a.im * a.im - b.re * b.re - b.im * b.im, 1e-300));
  return { a: { re: a.re * scale, im: a.im * scale }, b: { re: b.re * scale, im: b.im * scale } };
}

/** The inverse map. */
export function inverse({ a, b }: Mobius): Mobius {
  return { a: { re: a.re, im: -a.im }, b: { re: -b.re, im: -b.im } };
}

/** The translation along a geodesic through the centre that takes the centre to p. */
export function translation(p: Complex): Mobius {
  const scale = 1 / Math.sqrt(gap(p));
  return { a: { re: scale, im: 0 }, b: { re: p.re * scale, im: p.im * scale } };
}

/** 1 − |z|², exact near the boundary, and more than 0. */
export function gap(z: Complex): number {
  const length = Math.hypot(z.re, z.im);
  return Math.max((1 - length) * (1 + length), 1e-150);
}

/** Hyperbolic distance (curvature −1) of two points. */
export function distance(x: Complex, y: Complex): number {
  const chord = Math.hypot(x.re - y.re, x.im - y.im);
  return 2 * Math.asinh(chord / Math.sqrt(gap(x) * gap(y)));
}
