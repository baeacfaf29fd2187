import { expect, test } from "vitest";
import { fold, TextSearch, type Hit, type Texts } from "../src/core/search.ts";

class Blocks implements Texts {
  reads = 0;
  constructor(
    private readonly strings: readonly string[],
    readonly per = 3,
  ) {}
  get blocks(): number {
    return Math.ceil(this.strings.length / this.per);
  }
  block(number: number): Promise<readonly string[]> {
    this.reads++;
    return Promise.resolve(this.strings.slice(number * this.per, (number + 1) * this.per));
  }
}

async function hits(search: TextSearch, query: string): Promise<Hit[]> {
  const found = [];
  for await (const block of search.find(query)) found.push(...block);
  return found;
}

test("texts are compared without case, accents and signs that are not seen", () => {
  expect(fold("ÉCOLE")).toBe("ecole");
  expect(fold("İzmir")).toBe("izmir");
  expect(fold("o\u200bran\u202ege")).toBe("orange");
  expect(fold("ﬁn Ａ")).toBe("fin a");
});

test("hits come in order, with how they fit", async () => {
  const search = new TextSearch(
    new Blocks(["cat", "Cattle", "a cat", "concatenate", "dog", "", "wildcat CAT", "scat-cat"]),
  );
  expect(await hits(search, " CÄT ")).toEqual([
    { place: 0, fit: 0 },
    { place: 1, fit: 1 },
    { place: 2, fit: 2 },
    { place: 3, fit: 3 },
    { place: 6, fit: 2 },
    { place: 7, fit: 2 },
  ]);
  expect(await hits(search, "")).toEqual([]);
  expect(await hits(search, "horse")).toEqual([]);
});

test("hostile texts are found as they are", async () => {
  const strings = [
    "two\nlines",
    "<script>alert(1)</script>",
    ".*",
    "x".repeat(10_000),
    "\u202eevil",
    "\n\n\n",
    "a\r\nb",
  ];
  const search = new TextSearch(new Blocks(strings));
  expect(await hits(search, "two lines")).toEqual([{ place: 0, fit: 0 }]);
  expect(await hits(search, "two\nlines")).toEqual([{ place: 0, fit: 0 }]);
  expect((await hits(search, "</SCRIPT>")).map(({ place }) => place)).toEqual([1]);
  expect((await hits(search, ".*")).map(({ place }) => place)).toEqual([2]);
  expect((await hits(search, "xxx")).map(({ place }) => place)).toEqual([3]);
  expect((await hits(search, "evil")).map(({ place }) => place)).toEqual([4]);
  expect((await hits(search, "b")).map(({ place }) => place)).toEqual([6]);
});

test("a text that changes its length when folded does not shift those after it", async () => {
  const search = new TextSearch(new Blocks(["ﬃ\u200b\u0301", "e\u0301té", "", "summer"], 10));
  expect(await hits(search, "ete")).toEqual([{ place: 1, fit: 0 }]);
  expect(await hits(search, "summer")).toEqual([{ place: 3, fit: 0 }]);
});

test("a search that is given up leaves the rest to the next", async () => {
  const texts = new Blocks(["a", "b", "c", "a", "b", "a"], 2);
  const search = new TextSearch(texts);
  const given = new AbortController();
  const found = [];
  for await (const block of search.find("a", given.signal)) {
    found.push(...block);
    given.abort();
  }
  expect(found).toHaveLength(1);
  expect((await hits(search, "a")).map(({ place }) => place)).toEqual([0, 3, 5]);
  const { reads } = texts;
  expect((await hits(search, "b")).map(({ place }) => place)).toEqual([1, 4]);
  expect(texts.reads).toBe(reads);
});

test("two searches at once both find all", async () => {
  const search = new TextSearch(new Blocks(["a", "b", "ab", "a", "b", "a"], 2));
  const [first, second] = await Promise.all([hits(search, "a"), hits(search, "b")]);
  expect(first.map(({ place }) => place)).toEqual([0, 2, 3, 5]);
  expect(second.map(({ place }) => place)).toEqual([1, 2, 4]);
  expect((await hits(search, "a")).length).toBe(4);
});

test("a hundred thousand names are searched in less than a tenth of a second", async () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `name ${(i * 7919) % 100_000} é`);
  const search = new TextSearch(new Blocks(names, 8192));
  await hits(search, "zz");
  expect((await hits(search, "name 4321 e")).length).toBe(1);
});
