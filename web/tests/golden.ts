import { readFileSync } from "node:fs";
import type { Complex } from "../src/core/mobius.ts";

type Pair = [number, number];

/** Values of an independent program, `tools/golden_geometry.py`. */
export const golden = JSON.parse(readFileSync(new URL("./golden/geometry.json", import.meta.url), "utf-8")) as {
  distances: { from: Pair; to: Pair; distance: number }[];
  translations: { from: Pair; to: Pair; points: Pair[]; images: Pair[] }[];
  circles: { from: Pair; to: Pair; centre: Pair; radius: number }[];
  glides: { from: Pair; to: Pair; share: number; middle: Pair }[];
  layout: { parent: number[]; leaves: number; branches: number[]; points: Pair[] };
};

export const complex = ([re, im]: Pair): Complex => ({ re, im });
