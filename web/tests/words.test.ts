import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { likelihoodRatio, tellingWords, WordCounts, wordsOf } from "../src/core/words.ts";

const GOLDEN = JSON.parse(readFileSync(new URL("golden/words.json", import.meta.url), "utf8")) as {
  names: [string, string[]][];
  ratios: [number, number, number, number, number][];
};

const counts = (names: string[]): WordCounts => {
  const made = new WordCounts();
  names.forEach((name) => made.add(name));
  return made;
};

describe("words", () => {
  it.each(GOLDEN.names)("of %j are those that Python finds", (name, words) => {
    expect([...wordsOf(name)]).toEqual(words);
  });

  it("are weighed as in Python", () => {
    for (const [inside, size, total, n, ratio] of GOLDEN.ratios) expect(likelihoodRatio(inside, size, total, n)).toBeCloseTo(ratio, 9);
  });

  it("that tell names from others come by their evidence", () => {
    const inside = counts(["barn owl", "snowy owl", "eagle owl.jpg", "barn swallow", "red x", "blue x"]);
    const outside = counts(["red barn", "blue sky", "green sky", "x ray", "plain", "field"]);
    const found = tellingWords(inside, outside, 5);
    expect(found.map(({ word }) => word)).toEqual(["owl"]);
    expect(found[0]).toMatchObject({ inside: 3, outside: 0 });
    expect(tellingWords(counts([]), outside, 5)).toEqual([]);
    expect(tellingWords(inside, counts([]), 5)).toEqual([]);
  });
});
