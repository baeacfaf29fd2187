const UNSEEN = /[\p{M}\p{Cf}]/gu;
const ASCII = /^[\0-\x7f]*$/;
const WORD = /[\p{L}\p{N}]/u;
const SLICE = 8; // milliseconds of work between two pauses
const END = "\n";

/** How well a text fits: 0 is the query itself, 1 begins with it, 2 has a word that does, 3 holds it inside. */
export type Fit = 0 | 1 | 2 | 3;

/** A text found: its place among all, and how it fits. */
export interface Hit {
  place: number;
  fit: Fit;
}

/** Texts that are read in blocks of `per`. */
export interface Texts {
  readonly per: number;
  readonly blocks: number;
  block(number: number): Promise<readonly string[]>;
}

/** A text as it is compared: without case, accents and signs that are not seen. */
export function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text.normalize("NFKD").toLowerCase().replace(UNSEEN, "");
}

/** Searches texts; each block is folded once, into one long string, in which looking is quick. */
export class TextSearch {
  readonly #folded: (Folded | undefined)[] = [];

  constructor(private readonly texts: Texts) {}

  /** Hits of a query in the order of the texts, block by block; pauses so that the page stays alive. */
  async *find(query: string, signal?: AbortSignal): AsyncGenerator<Hit[]> {
    const wanted = fold(query).replaceAll(END, " ").trim();
    if (wanted === "") return;
    let since = performance.now();
    for (let number = 0; number < this.texts.blocks; number++) {
      if (performance.now() - since > SLICE) {
        await new Promise((resolve) => setTimeout(resolve));
        since = performance.now();
      }
      const block = (this.#folded[number] ??= new Folded(
        number * this.texts.per,
        await this.texts.block(number),
      ));
      if (signal?.aborted) return;
      yield block.find(wanted);
    }
  }
}

/** Strings of a block, folded and joined. */
class Folded {
  readonly #text: string;
  readonly #starts: Int32Array;

  constructor(
    private readonly first: number,
    strings: readonly string[],
  ) {
    this.#text =
      END + fold(strings.map((own) => (own.includes(END) ? own.replaceAll(END, " ") : own)).join(END)) + END;
    this.#starts = new Int32Array(strings.length);
    for (let i = 0, at = 0; i < strings.length; i++) {
      this.#starts[i] = at + 1;
      at = this.#text.indexOf(END, at + 1);
    }
  }

  find(wanted: string): Hit[] {
    const hits: Hit[] = [];
    const text = this.#text;
    let place = 0;
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at)) {
      place = this.#holding(at, place);
      const end = text.indexOf(END, at);
      hits.push({
        place: this.first + place,
        fit: fitOf(text.slice(this.#starts[place], end), wanted, at - this.#starts[place]),
      });
      at = end;
    }
    return hits;
  }

  /** The string that holds a place of the text; not before `low`. */
  #holding(at: number, low: number): number {
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle] <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function fitOf(text: string, wanted: string, at: number): Fit {
  if (at === 0) return text.length === wanted.length ? 0 : 1;
  for (; at > 0; at = text.indexOf(wanted, at + 1)) if (!WORD.test(text[at - 1])) return 2;
  return 3;
}
