import { HEADER, treemap } from "../core/treemap.ts";
import type { Store } from "../page/store.ts";
import { Boxes, type Scene } from "./boxes.ts";

const FAINT = [0.72, 0.6, 0.45, 0.3, 0] as const; // by level, of tiles that hold others

/** The subtree of the focus as rectangles in rectangles, their areas as their leaves. */
export class Treemap extends Boxes {
  constructor(store: Store) {
    super(store, "Treemap");
  }

  protected override lay(width: number, height: number): Scene {
    const { shown, state } = this.store;
    const boxes = treemap(shown.tree, state.focus, width, height).map((tile) => ({
      node: tile.node,
      above: tile.around,
      x: tile.x,
      y: tile.y,
      width: tile.width,
      height: tile.height,
      band: tile.nested ? tile.header : Math.min(tile.height, HEADER + 2),
      faint: tile.nested ? FAINT[tile.level] : 0,
      rest: tile.rest,
      size: tile.size,
      skipped: tile.skipped,
    }));
    const skips = boxes.some(({ skipped }) => skipped > 0);
    return { boxes, note: skips ? "some levels between are skipped" : "", lines: false };
  }
}
