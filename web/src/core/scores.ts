import type { Cuts } from "./cut.ts";
import type { Hierarchy } from "./tree.ts";

const SLICE = 12; // ms of work at a stretch
const STEP = 20_000; // leaves or splits between looks at the clock

/** How well clusters agree with known labels, as `hyperclade.metrics.partitions` has it. */
export interface Scores {
  nmi: number;
  ari: number;
  meanPurity: number;
  weightedPurity: number;
}

/** Scores of clusters `labels` (n) against classes `codes` (n); samples with −1 in either are left out. */
export function scores(codes: Int32Array, labels: Int32Array): Scores | null {
  const nClusters = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  const next = new Int32Array(nClusters + 1);
  for (const label of labels) if (label >= 0) next[label + 1]++;
  for (let c = 0; c < nClusters; c++) next[c + 1] += next[c];
  const ends = next.slice(1);
  const order = new Int32Array(ends[nClusters - 1] ?? 0);
  labels.forEach((label, sample) => {
    if (label >= 0) order[next[label]++] = sample;
  });
  const tally = new Tally(codes.reduce((most, code) => Math.max(most, code + 1), 0));
  let position = 0;
  for (const end of ends) {
    for (; position < end; position++) tally.add(codes[order[position]]);
    tally.close();
  }
  return tally.scores();
}

/** About `steps` counts from 1 to n, evenly spaced in their logarithm, ascending. */
export function spaced(n: number, steps: number): number[] {
  const counts = new Set<number>();
  for (let i = 0; i < steps; i++) counts.add(Math.round(n ** (steps > 1 ? i / (steps - 1) : 1)));
  return [...counts];
}

/**
 * Scores of a tree's cuts against classes `codes` (n, −1 unknown), one cut after another by ascending count, each
 * with the number of clusters it reaches. Gives the page time to breathe.
 */
export async function* curve(
  tree: Hierarchy,
  cuts: Cuts,
  codes: Int32Array,
  counts: readonly number[],
  pause: () => Promise<void> = breathe,
): AsyncGenerator<[number, Scores]> {
  let began = performance.now();
  const rest = async (): Promise<void> => {
    if (performance.now() - began < SLICE) return;
    await pause();
    began = performance.now();
  };
  const classes = new Int32Array(tree.n);
  let nClasses = 0;
  for (let position = 0; position < tree.n; position++) {
    const code = codes[tree.leafOrder[position]];
    classes[position] = code;
    if (code >= nClasses) nClasses = code + 1;
    if (position % STEP === STEP - 1) await rest();
  }
  // Clusters are runs of leaves in depth-first order; a split puts an edge before each child.
  const edge = new Uint8Array(tree.n + 1);
  edge[tree.n] = 1;
  let done = 0;
  const reached = [...new Set(counts.map((k) => cuts.reached(Math.max(k, 1))))].sort((a, b) => a - b);
  for (const k of reached) {
    for (; cuts.counts[done] < k; done++) {
      for (const child of tree.children(tree.splits[tree.splits.length - 1 - done])) edge[tree.start[child]] = 1;
      if (done % STEP === STEP - 1) await rest();
    }
    const tally = new Tally(nClasses);
    for (let position = 0; position < tree.n; position++) {
      tally.add(classes[position]);
      if (edge[position + 1]) tally.close();
      if (position % STEP === STEP - 1) await rest();
    }
    const found = tally.scores();
    if (found === null) return;
    yield [k, found];
    await rest();
  }
}

/** Sums over the cells of a table of clusters × classes that is never held, cluster after cluster. */
class Tally {
  readonly #inClass: Float64Array;
  readonly #here: Int32Array;
  #seen: number[] = [];
  #size = 0;
  #n = 0;
  #clusters = 0;
  #squaredClusters = 0;
  #squaredCells = 0;
  #logClusters = 0;
  #logCells = 0;
  #purities = 0;
  #most = 0;

  constructor(nClasses: number) {
    this.#inClass = new Float64Array(nClasses);
    this.#here = new Int32Array(nClasses);
  }

  /** A sample of a class in the cluster that is open; −1 is left out. */
  add(code: number): void {
    if (code < 0) return;
    if (this.#here[code]++ === 0) this.#seen.push(code);
    this.#size++;
  }

  /** Ends the open cluster; one without a sample does not count. */
  close(): void {
    const size = this.#size;
    if (size === 0) return;
    let most = 0;
    for (const code of this.#seen) {
      const cell = this.#here[code];
      this.#here[code] = 0;
      this.#inClass[code] += cell;
      this.#squaredCells += cell * cell;
      this.#logCells += cell * Math.log(cell);
      if (cell > most) most = cell;
    }
    this.#seen.length = 0;
    this.#size = 0;
    this.#n += size;
    this.#clusters++;
    this.#squaredClusters += size * size;
    this.#logClusters += size * Math.log(size);
    this.#purities += most / size;
    this.#most += most;
  }

  /** Null if no sample had a class. */
  scores(): Scores | null {
    const n = this.#n;
    if (n === 0) return null;
    let [squaredClasses, logClasses, classes] = [0, 0, 0];
    for (const count of this.#inClass) {
      if (count === 0) continue;
      classes++;
      squaredClasses += count * count;
      logClasses += count * Math.log(count);
    }
    return {
      nmi: classes === 1 && this.#clusters === 1 ? 1 : this.#nmi(n, logClasses),
      ari: this.#ari(n, squaredClasses),
      meanPurity: this.#purities / this.#clusters,
      weightedPurity: this.#most / n,
    };
  }

  #nmi(n: number, logClasses: number): number {
    const whole = n * Math.log(n);
    const information = (whole + this.#logCells - this.#logClusters - logClasses) / n;
    const entropies = (2 * whole - this.#logClusters - logClasses) / n;
    return information < 1e-12 ? 0 : (2 * information) / entropies;
  }

  #ari(n: number, squaredClasses: number): number {
    const cells = this.#squaredCells;
    const together = cells - n;
    const onlyClass = squaredClasses - cells;
    const onlyCluster = this.#squaredClusters - cells;
    const apart = n * n - cells - onlyClass - onlyCluster;
    if (onlyClass === 0 && onlyCluster === 0) return 1;
    return (
      (2 * (together * apart - onlyClass * onlyCluster)) /
      ((together + onlyClass) * (onlyClass + apart) + (together + onlyCluster) * (onlyCluster + apart))
    );
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
