import { describe, expect, it } from "vitest";
import { centred, Glide, orthogonalCircle, rotation, stepTowards, transvection } from "../src/core/geodesic.ts";
import { apply, compose, distance, IDENTITY, inverse, translation, type Complex } from "../src/core/mobius.ts";
import { complex, golden } from "./golden.ts";

const CENTRE: Complex = { re: 0, im: 0 };

function expectNear(actual: Complex, wanted: Complex): void {
  expect(Math.hypot(actual.re - wanted.re, actual.im - wanted.im)).toBeLessThan(1e-9);
}

describe("maps of the disk", () => {
  it.each(golden.distances)("distance of $from and $to", ({ from, to, distance: wanted }) => {
    expect(Math.abs(distance(complex(from), complex(to)) - wanted)).toBeLessThan(1e-9);
  });

  it.each(golden.translations)("translation from $from to $to", ({ from, to, points, images }) => {
    const map = transvection(complex(from), complex(to));
    points.forEach((point, at) => expectNear(apply(map, complex(point)), complex(images[at])));
    expectNear(apply(map, complex(from)), complex(to));
  });

  it("inverse and composition undo each other, after any number of steps", () => {
    let map = IDENTITY;
    for (let step = 0; step < 10_000; step++) map = compose(translation({ re: 0.3 * Math.cos(step), im: 0.3 * Math.sin(3 * step) }), map);
    const { a, b } = map;
    expect(Math.abs((a.re ** 2 + a.im ** 2 - b.re ** 2 - b.im ** 2) - 1)).toBeLessThan(1e-9 * (a.re ** 2 + a.im ** 2));
    for (const { from } of golden.translations.slice(0, 3)) {
      const back = apply(compose(inverse(map), map), complex(from));
      expectNear(back, complex(from));
    }
  });
});

describe("geodesics", () => {
  it.each(golden.circles)("circle through $from and $to", ({ from, to, centre, radius }) => {
    const out = new Float64Array(3);
    expect(orthogonalCircle(...from, ...to, out)).toBe(true);
    const scale = Math.max(radius, 1);
    expect(Math.abs(out[0] - centre[0]) / scale).toBeLessThan(1e-9);
    expect(Math.abs(out[1] - centre[1]) / scale).toBeLessThan(1e-9);
    expect(Math.abs(out[2] - radius) / scale).toBeLessThan(1e-9);
  });

  it("is straight through the centre", () => {
    expect(orthogonalCircle(0.3, 0.6, -0.1, -0.2, new Float64Array(3))).toBe(false);
    expect(orthogonalCircle(0, 0, 0.5, 0.1, new Float64Array(3))).toBe(false);
  });

  it.each(golden.glides)("glide from $from to $to, $share of the way", ({ from, to, share, middle }) => {
    // Seen from wherever the picture is turned: what lies in the middle is a point of the geodesic.
    const start = compose(rotation(2), centred(complex(from)));
    const glide = new Glide(start, complex(to));
    const seen = apply(inverse(glide.at(share)), CENTRE);
    expect(distance(seen, complex(middle))).toBeLessThan(1e-6);
    expectNear(seen, complex(middle));
  });

  it("a glide begins where the view is and ends as if it had come from the root", () => {
    const start = compose(rotation(1.3), centred({ re: 0.2, im: -0.7 }));
    const glide = new Glide(start, { re: -0.5, im: 0.4 });
    for (const z of [CENTRE, { re: 0.6, im: 0.1 }]) {
      expectNear(apply(glide.at(0), z), apply(start, z));
      expectNear(apply(glide.at(1), z), apply(centred({ re: -0.5, im: 0.4 }), z));
      expectNear(apply(glide.at(1 - 1e-12), z), apply(glide.at(1), z));
    }
  });

  it("a step leads towards the point it is told, by the length it is told", () => {
    const view = centred({ re: 0.4, im: 0.3 });
    const goal = { re: -0.2, im: 0.6 };
    const stepped = stepTowards(view, goal, 0.5);
    const world = apply(inverse(view), goal);
    expect(distance(CENTRE, apply(stepped, world))).toBeCloseTo(distance(CENTRE, goal) - 0.5, 9);
    expect(distance(apply(inverse(view), CENTRE), apply(inverse(stepped), CENTRE))).toBeCloseTo(0.5, 9);
  });
});
