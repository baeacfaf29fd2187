import type { Side, Store, View } from "../page/store.ts";
import type { Edits } from "./edits.ts";

/** A view that has a tab below the disk; made when it is first shown. */
export interface SideView {
  side: Side;
  title: string;
  make: (store: Store) => View;
}

/** What the shell gives a place to. */
export interface Parts {
  disk: View;
  sides: readonly SideView[];
  /** At the right. */
  panel: View | null;
  /** Below the slider, as wide as its track. */
  curves: View | null;
  editor: Edits | null;
}
