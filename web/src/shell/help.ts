import { element, plain } from "../page/dom.ts";
import type { Head } from "../page/head.ts";

export type Keys = readonly (readonly [string, string])[];

/** The dialog that tells of the page: what it holds, and its keys. */
export class Help {
  readonly element = element("dialog", { class: "help", "aria-labelledby": "help-title" });

  constructor(
    private readonly head: Head,
    private readonly keys: () => readonly { title: string; keys: Keys }[],
  ) {
    // A press outside closes: on the dialog itself, whose content fills it.
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close();
    });
  }

  open(): void {
    if (this.element.open) return;
    const close = element("button", { type: "button", class: "quiet" }, "Close");
    close.addEventListener("click", () => this.element.close());
    const facts = (this.head.facts ?? []).flatMap(([title, text]) => [
      element("dt", {}, plain(title)),
      element("dd", {}, plain(text, 1000)),
    ]);
    const groups = this.keys()
      .filter(({ keys }) => keys.length > 0)
      .map(({ title, keys }) =>
        element(
          "section",
          {},
          element("h3", {}, title),
          element(
            "dl",
            { class: "keys" },
            ...keys.flatMap(([key, does]) => [
              element("dt", {}, ...key.split(" ").map((own) => element("kbd", {}, own))),
              element("dd", {}, does),
            ]),
          ),
        ),
      );
    this.element.replaceChildren(
      element(
        "div",
        { class: "inside" },
        element("div", { class: "top" }, element("h2", { id: "help-title" }, "About this page"), close),
        ...(facts.length > 0 ? [element("dl", { class: "facts" }, ...facts)] : []),
        element("div", { class: "groups" }, ...groups),
      ),
    );
    this.element.showModal();
  }
}
