import { csvRow } from "../core/csv.ts";
import { namedPaths } from "./paths.ts";
import type { Shown } from "./shown.ts";
import type { State } from "./store.ts";

const AT_ONCE = 8192; // rows between two pauses

/** Leaves under the selected node and the chosen ones, each once, in the order of the tree. */
export function selectedLeaves(
  shown: Shown,
  { selected, chosen }: Pick<State, "selected" | "chosen">,
): Int32Array {
  const { tree } = shown;
  if (chosen.length === 0) return tree.leaves(selected);
  const change = new Int32Array(tree.n + 1);
  for (const node of new Set([selected, ...chosen])) {
    change[tree.start[node]]++;
    change[tree.start[node] + tree.size[node]]--;
  }
  let open = 0;
  return tree.leafOrder.filter((_, position) => (open += change[position]) > 0);
}

/** A selection as CSV, in pieces: id, name, names of the nodes above, values of all columns. */
export async function* selectionCsv(shown: Shown, leaves: Int32Array): AsyncGenerator<string> {
  const { ids, columns } = shown.page;
  const path = namedPaths(shown);
  yield csvRow(["id", "name", "path", ...columns.map(({ title }) => title)]);
  for (let at = 0; at < leaves.length; at += AT_ONCE) {
    const some = leaves.subarray(at, at + AT_ONCE);
    await shown.load(some);
    if (ids !== null) await Promise.all(Array.from(some, (leaf) => ids.load(shown.sample(leaf))));
    let text = "";
    for (const leaf of some) {
      const sample = shown.sample(leaf);
      const values = columns.map((own) =>
        own.kind === "number" ? own.codes[sample] : (own.values[own.codes[sample]] ?? ""),
      );
      text += csvRow([
        ids === null ? sample : (ids.at(sample) ?? ""),
        shown.name(leaf),
        path(leaf),
        ...values,
      ]);
    }
    yield text;
    await new Promise((resolve) => setTimeout(resolve));
  }
}
