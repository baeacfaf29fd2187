import "./panel.css";
import { element } from "../page/dom.ts";
import type { Editor } from "../page/editor.ts";
import type { Change, Store, View } from "../page/store.ts";
import { Actions } from "./panel/actions.ts";
import { count, PanelContext } from "./panel/context.ts";
import { NodeHead } from "./panel/head.ts";
import { History } from "./panel/history.ts";
import { MediaParts } from "./panel/media.ts";
import { Members } from "./panel/members.ts";
import { Mix } from "./panel/mix.ts";
import { Neighbours } from "./panel/neighbours.ts";
import { Sample } from "./panel/sample.ts";
import { Words } from "./panel/words.ts";

const LEAST_SAID = 1500; // milliseconds
const EVERYTHING: readonly Change[] = ["selected", "chosen", "colour", "tree", "names"];

/** All about the selected node, and the edits of the tree. */
export class Panel implements View {
  readonly element: HTMLElement;
  readonly #context: PanelContext;
  readonly #media: MediaParts;
  readonly #head: NodeHead;
  readonly #views: View[];
  readonly #body: HTMLElement;
  readonly #history: History;
  readonly #summary = element("summary", {});
  readonly #drawer: HTMLDetailsElement;
  readonly #status = element("p", { class: "status", role: "status", "aria-live": "polite" });
  #noted = "";
  #drawn = false;
  /** When the next selection takes away what was said. */
  #saidUntil = Infinity;

  constructor(
    private readonly store: Store,
    private readonly editor: Editor,
  ) {
    const context = new PanelContext(store, editor);
    context.say = (text, stays = false) => {
      this.#status.textContent = text;
      this.#saidUntil = stays ? Infinity : performance.now() + LEAST_SAID;
    };
    this.#context = context;
    this.#media = new MediaParts(context);
    this.#head = new NodeHead(context);
    const actions = new Actions(context);
    this.#history = new History(context);
    const parts = [
      this.#head,
      new Sample(context, this.#media),
      new Members(context, this.#media, "some"),
      new Words(context),
      new Mix(context),
      new Neighbours(context),
      new Members(context, this.#media, "all"),
    ];
    this.#views = [...parts, actions];
    this.#body = element("div", { class: "body" }, ...parts.map((part) => part.element));
    this.#drawer = element("details", { class: "drawer" }, this.#summary, element("div", { class: "inside" }, this.#history.buttons, actions.element, this.#history.element));
    this.element = element("section", { class: "panel", "aria-label": "Selected node" }, this.#body, this.#status, this.#drawer);
    editor.onChange(() => {
      this.#tellCount();
      if (editor.note !== "" && editor.note !== this.#noted) this.#note();
    });
    this.#note();
  }

  update(changes: ReadonlySet<Change>): void {
    const changed: ReadonlySet<Change> = this.#drawn ? changes : new Set(EVERYTHING);
    this.#drawn = true;
    const focused = this.#focusedKey();
    if (changed.has("selected") || changed.has("tree")) this.#media.stop();
    for (const view of this.#views) view.update(changed);
    if (changed.has("selected")) {
      this.#body.scrollTop = 0;
      if (performance.now() > this.#saidUntil) this.#status.textContent = "";
    }
    if (changed.has("names") || changed.has("tree")) this.#history.show();
    this.#context.refresh(this.element, { names: changed.has("names"), chosen: changed.has("chosen"), colours: ["colour", "k", "theme"].some((own) => changed.has(own as Change)) });
    if (changed.has("chosen") || changed.has("selected")) this.#tellCount();
    this.#focusAgain(focused);
  }

  #note(): void {
    this.#noted = this.editor.note;
    this.#context.say(this.#noted);
  }

  #tellCount(): void {
    const chosen = this.store.state.chosen.length;
    const edits = this.editor.edits.length;
    const told = [...(chosen > 0 ? [`${chosen.toLocaleString("en")} chosen`] : []), ...(edits > 0 ? [count(edits, "edit")] : [])];
    this.#summary.replaceChildren("Edit the tree", element("span", { class: "size" }, told.join(" · ")));
  }

  /** What stands for the element of the panel that has the focus, null if it is elsewhere. */
  #focusedKey(): string | null {
    const active = document.activeElement;
    return active instanceof HTMLElement && this.element.contains(active) ? (active.dataset.key ?? "") : null;
  }

  /** If what had the focus was replaced, what is like it gets it, else the name of the node. */
  #focusAgain(key: string | null): void {
    if (key === null || this.element.contains(document.activeElement)) return;
    const like = key === "" ? null : this.element.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    if (like !== null && like.checkVisibility()) like.focus({ preventScroll: true });
    else this.#head.focus();
  }
}
