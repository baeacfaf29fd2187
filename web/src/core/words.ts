import STOP_WORDS from "../../../src/hyperclade/hierarchy/stop_words.txt?raw";

const EXTENSION = new RegExp(
  "(?:\\.(?:png|apng|jpe?g|jpe|jfif|jp2|gif|bmp|dib|tiff?|webp|svg|p[bgnp]m|hei[cf]|avif|ico|raw|cr2|nef|arw|dng|psd|tga|exr|hdr|dcm|nii" +
    "|wave?|mp3|flac|og[ag]|opus|m4a|aac|aiff?|aifc|wma|midi?|au|mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv|flv|3gp|ogv|ts" +
    "|te?xt|md|rst|csv|tsv|jsonl?|xml|html?|ya?ml|pdf|docx?|odt|rtf|epub|srt" +
    "|np[yz]|parquet|arrow|feather|mat|arff|pth?|safetensors|hdf5|h5|pkl|pickle|tfrecord|gz|bz2|xz|zst|zip|tar|tgz|7z|rar))+\\s*$",
  "u",
);
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gu;
const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:'[\p{L}\p{N}][\p{L}\p{N}\p{M}]*)?/gu;
const ELIDED = /^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|all|dall|dell|nell|sull|un)'(?=..)|'s$/u;
const NUMBERED = /^(?:\p{Nd}{3,})?(\P{Nd}{2,}?)(?:\p{Nd}{3,})?$/u;
const OF_CAMERAS = new Set(["img", "dsc", "dscn", "dscf", "imgp", "mvi", "pxl", "gopr"]);
const HEX = /^[0-9a-f]{8,}$/u;
const CHANGE = /(?<=\p{Nd})(?=\P{Nd})|(?<=\P{Nd})(?=\p{Nd})/gu;
const [LEAST_MIXED, MOST_CHANGES] = [6, 2]; // characters, and changes between letters and digits, of what is no hash
const HIRAGANA = "\\u3041-\\u309f";
const KATAKANA = "\\u30a1-\\u30fa\\u30fc-\\u30ff\\u31f0-\\u31ff";
const HAN = "\\u3005\\u3007\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
const UNSPACED = new RegExp(`([${HIRAGANA}${KATAKANA}${HAN}]+)`, "u");
const UNIT = new RegExp(`[${HIRAGANA}]+|[${KATAKANA}]+|[${HAN}]`, "gu");
const GLUE = new RegExp(`^[${HIRAGANA}]`, "u");
const MOST_UNITS = 6;
const LONGEST_PHRASE = 12; // characters written without blanks that are taken for one word
const LONGEST_NAME = 2000; // characters of a name that are looked at
const LEAST_EVIDENCE = 2.71; // G² of a word that tells a node from others; of chance 10 % have more

const STOPPED = new Set(
  STOP_WORDS.split("\n")
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => line.split(/\s+/u)),
);

/** A word that a node's names hold more often than those beside it. */
export interface Word {
  word: string;
  /** Names under the node, and beside it, that hold the word. */
  inside: number;
  outside: number;
  /** Likelihood ratio G² (Dunning 1993). */
  evidence: number;
}

/** Words of a name that may stand for many, each once, as `hyperclade.hierarchy.words` finds them. */
export function wordsOf(name: string): Set<string> {
  const found = new Set<string>();
  for (const word of allWords(name)) if (!STOPPED.has(word)) found.add(word);
  return found;
}

/** How many of some names hold each word. */
export class WordCounts {
  size = 0;
  readonly counts = new Map<string, number>();

  add(name: string): void {
    this.size++;
    for (const word of wordsOf(name)) this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
  }
}

/** Words that are over-represented in names against others, the most evident first, at most so many. */
export function tellingWords(inside: WordCounts, outside: WordCounts, most: number): Word[] {
  const [size, others] = [inside.size, outside.size];
  const found: Word[] = [];
  for (const [word, count] of inside.counts) {
    const elsewhere = outside.counts.get(word) ?? 0;
    if (count < 2 || count * others <= elsewhere * size) continue;
    const evidence = likelihoodRatio(count, size, count + elsewhere, size + others);
    if (evidence >= LEAST_EVIDENCE) found.push({ word, inside: count, outside: elsewhere, evidence });
  }
  // Words of a single letter say little.
  const short = ({ word }: Word): number => (Array.from(word).length === 1 ? 1 : 0);
  found.sort((a, b) => short(a) - short(b) || b.evidence - a.evidence || (a.word < b.word ? -1 : 1));
  return found.slice(0, most);
}

/** G² of so many of `size` samples against so many of n, among which they are. */
export function likelihoodRatio(inside: number, size: number, total: number, n: number): number {
  return 2 * (logLikelihood(inside, size) + logLikelihood(total - inside, n - size) - logLikelihood(total, n));
}

/** Of so many successes at the rate that fits them best. */
function logLikelihood(count: number, trials: number): number {
  const term = (times: number): number => (times === 0 ? 0 : times * Math.log(times / trials));
  return term(count) + term(trials - count);
}

function* allWords(name: string): Generator<string> {
  const bare = name.slice(0, LONGEST_NAME).toLowerCase().replace(EXTENSION, "").replace(UUID, " ");
  const plain = bare.normalize("NFKC").toLowerCase().replaceAll("’", "'").replace(/\p{Cf}/gu, "");
  for (const [word] of plain.matchAll(WORD)) {
    // Parts at odd places are those written without blanks.
    for (const [at, part] of word.split(UNSPACED).entries()) {
      if (at % 2 === 1) yield* unspaced(part);
      else yield* spaced(part);
    }
  }
}

/** The word without elided ones before it and numbers around it; none if it is an id. */
function* spaced(text: string): Generator<string> {
  let word = text.includes("'") ? text.replace(ELIDED, "") : text;
  const digits = word.match(/\p{Nd}/gu)?.length ?? 0;
  if (digits > 0) {
    const length = Array.from(word).length;
    const mixed = length >= LEAST_MIXED && (word.match(CHANGE)?.length ?? 0) > MOST_CHANGES;
    if (mixed || HEX.test(word)) return;
    const numbered = NUMBERED.exec(word);
    if (numbered !== null) word = numbered[1];
    else if (2 * digits > length) return;
  }
  if (word !== "" && !OF_CAMERAS.has(word)) yield word;
}

/** Stretches of Chinese or Japanese that may be words: they begin and end with no grammatical ending. */
function* unspaced(run: string): Generator<string> {
  const length = Array.from(run).length;
  if (length >= 2 && length <= LONGEST_PHRASE) yield run;
  const units = run.match(UNIT) ?? [];
  const glue = units.map((unit) => GLUE.test(unit));
  for (const [first, unit] of units.entries()) {
    const alone = [first - 1, first + 1].every((at) => glue[at] ?? true);
    if (glue[first]) {
      if (Array.from(unit).length > 1) yield unit;
      continue;
    }
    let stretch = "";
    for (let last = first; last < Math.min(first + MOST_UNITS, units.length); last++) {
      stretch += units[last];
      if (!glue[last] && (Array.from(stretch).length > 1 || alone)) yield stretch;
    }
  }
}
