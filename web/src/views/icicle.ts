import { icicle } from "../core/icicle.ts";
import type { Store } from "../page/store.ts";
import { Boxes, type Scene } from "./boxes.ts";

const LEAST = 2; // px, of a cell
const ROW = { least: 20, most: 48 }; // px

/** The subtree of the focus in rows, a level each, nodes as wide as their share of the leaves. */
export class Icicle extends Boxes {
  constructor(store: Store) {
    super(store, "Icicle");
  }

  protected override lay(width: number, height: number): Scene {
    const { shown, state } = this.store;
    const { tree } = shown;
    const size = tree.size[state.focus];
    const drawn = icicle(tree, state.focus, (LEAST * size) / width, Math.max(1, Math.floor(height / ROW.least)));
    const row = Math.min(ROW.most, height / drawn.rows);
    const scale = width / size;
    const boxes = drawn.cells.map((cell) => ({
      node: cell.node,
      above: cell.above,
      x: cell.first * scale,
      y: cell.row * row,
      width: cell.size * scale,
      height: row,
      band: row,
      faint: 0,
      rest: cell.rest,
      size: cell.size,
      skipped: cell.skipped,
    }));
    const said = [];
    if (drawn.share > 0) said.push(`levels that lose less than ${100 * drawn.share}% of their samples are skipped (dashed)`);
    if (drawn.deeper) said.push("more levels below");
    return { boxes, note: said.join("; "), lines: true };
  }
}
