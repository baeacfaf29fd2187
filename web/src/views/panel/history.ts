import { namesOf, type Edit } from "../../core/edits.ts";
import { element, plain } from "../../page/dom.ts";
import { count, type PanelContext } from "./context.ts";

const [MOST_SHOWN, MOST_NAMED] = [20, 3];
const MOST_BYTES = 64 * 2 ** 20;
const FILE = "edits.json";

/** The edits done, with undo and redo, as a file to take away and from a file. */
export class History {
  readonly buttons: HTMLElement;
  readonly element: HTMLElement;
  readonly #list = element("ol", { class: "edits", "aria-label": "Edits done" });
  readonly #none = element("p", { class: "about" }, "No edits yet.");
  readonly #command: HTMLElement;
  readonly #undo = element("button", { type: "button", "data-key": "undo" }, "Undo");
  readonly #redo = element("button", { type: "button", "data-key": "redo" }, "Redo");
  readonly #reset = element("button", { type: "button", "data-key": "reset" }, "Undo all");
  readonly #save = element("button", { type: "button", "data-key": "save" }, "Save edits");

  constructor(private readonly context: PanelContext) {
    const { editor } = context;
    const file = element("input", { type: "file", accept: ".json,application/json", id: "panel-file", class: "unseen" });
    file.addEventListener("change", () => void this.#open(file));
    const act = (button: HTMLButtonElement, why: string, run: () => void): void => {
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") === "true") context.say(why);
        else run();
      });
    };
    act(this.#undo, "There is nothing to undo.", () => {
      editor.undo();
      context.say(`Undone; ${count(editor.edits.length, "edit")} left.`);
    });
    act(this.#redo, "There is nothing to do again.", () => {
      editor.redo();
      context.say(`Done again; ${count(editor.edits.length, "edit")} now.`);
    });
    act(this.#reset, "There are no edits.", () => {
      editor.reset();
      context.say("All edits are taken back. “Undo” brings them again.");
    });
    act(this.#save, "There are no edits to save.", () => this.#download());
    this.#command = element(
      "div",
      { class: "command" },
      element("p", { class: "about" }, "Save the edits, then make the corrected tree, taxonomy and assignments, with DIR the folder of this report:"),
      element("code", { tabindex: "0" }, `hyperclade apply DIR ${FILE} --out corrected`),
    );
    const open = element("label", { for: "panel-file", class: "button" }, "Open edits");
    this.buttons = element("div", { class: "buttons" }, this.#undo, this.#redo, this.#reset, this.#save, file, open);
    this.element = element("div", { class: "done" }, element("h3", {}, "Edits done"), this.#none, this.#list, this.#command);
    editor.onChange(() => this.show());
    this.show();
  }

  /** Lists the edits anew. */
  show(): void {
    const { editor } = this.context;
    const { edits } = editor;
    const left = Math.max(edits.length - MOST_SHOWN, 0);
    const names = this.#names();
    this.#list.start = left + 1;
    this.#list.replaceChildren(...edits.slice(left).map((edit) => element("li", {}, ...this.#told(edit, names))));
    this.#list.hidden = edits.length === 0;
    this.#none.hidden = edits.length > 0 && left === 0;
    this.#none.textContent = left > 0 ? `${count(left, "earlier edit")} not listed.` : "No edits yet.";
    this.#command.hidden = edits.length === 0;
    for (const [button, on] of [[this.#undo, editor.canUndo], [this.#redo, editor.canRedo], [this.#reset, edits.length > 0], [this.#save, edits.length > 0]] as const) {
      button.setAttribute("aria-disabled", String(!on));
    }
  }

  #told(edit: Edit, names: ReadonlyMap<number, string>): (Node | string)[] {
    const one = (id: number): HTMLElement => element("bdi", {}, this.#called(id, names));
    const some = (ids: readonly number[]): (Node | string)[] => {
      const parts = ids.slice(0, MOST_NAMED).flatMap((id, at) => (at === 0 ? [one(id)] : [", ", one(id)]));
      return ids.length > MOST_NAMED ? [...parts, ` and ${count(ids.length - MOST_NAMED, "other")}`] : parts;
    };
    switch (edit.op) {
      case "rename":
        return edit.name === "" ? ["Took the name of ", one(edit.node), " away"] : ["Renamed to ", element("bdi", {}, plain(edit.name, 60) || "(unseen signs)")];
      case "merge":
        return ["Merged ", ...some(edit.nodes)];
      case "dissolve":
        return ["Dissolved ", one(edit.node)];
      case "move":
        return ["Moved ", one(edit.node), " to ", one(edit.to)];
      case "split":
        return ["Split ", ...some(edit.nodes), " off ", one(edit.node)];
      case "drop":
        return ["Dropped ", ...some(edit.nodes)];
      case "keep":
        return ["Kept only ", ...some(edit.nodes)];
    }
  }

  #names(): ReadonlyMap<number, string> {
    return namesOf(this.context.editor.edits, this.context.store.shown.data.tree.m);
  }

  /** What a node is called, also one that is gone. */
  #called(id: number, names: ReadonlyMap<number, string>): string {
    const { shown, page } = this.context.store;
    const { data } = shown;
    const given = names.get(id);
    if (given) return plain(given, 40);
    if (id >= data.tree.m) return "a new group";
    if (id >= data.tree.n) return plain(data.name(id), 40) || `a group of ${data.tree.size[id].toLocaleString("en")}`;
    return plain((page.names ?? page.ids)?.at(id) ?? "", 40) || `#${id}`;
  }

  #download(): void {
    const { editor } = this.context;
    const url = URL.createObjectURL(new Blob([editor.json()], { type: "application/json" }));
    const link = element("a", { href: url, download: FILE });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    this.context.say(`${count(editor.edits.length, "edit")} written to ${FILE}, where the browser keeps downloads.`);
  }

  async #open(input: HTMLInputElement): Promise<void> {
    const [file] = input.files ?? [];
    if (file === undefined) return;
    let error: string | null;
    try {
      error = file.size > MOST_BYTES ? "the file is larger than edits can be" : this.context.editor.load(await file.text());
    } catch {
      error = "the file cannot be read";
    }
    input.value = ""; // the same file can be chosen again
    const { length } = this.context.editor.edits;
    this.context.say(error === null ? `${count(length, "edit")} of ${plain(file.name, 60)} done in place of those before.` : `${plain(file.name, 60)}: ${error}.`);
  }
}
