import { element } from "../page/dom.ts";
import type { Edits } from "./edits.ts";
import { icon } from "./icons.ts";

/** The buttons that undo and redo edits. */
export function undoButtons(editor: Edits): HTMLElement[] {
  const make = (name: "undo" | "redo", title: string, act: () => void): HTMLButtonElement => {
    const button = element(
      "button",
      { type: "button", class: "quiet", "aria-label": title, title },
      icon(name),
    );
    button.addEventListener("click", act);
    return button;
  };
  const undo = make("undo", "Undo an edit (Ctrl+Z)", () => editor.undo());
  const redo = make("redo", "Redo an edit (Ctrl+Shift+Z)", () => editor.redo());
  const refresh = (): void => {
    undo.disabled = !editor.canUndo;
    redo.disabled = !editor.canRedo;
  };
  editor.onChange(refresh);
  refresh();
  return [undo, redo];
}
