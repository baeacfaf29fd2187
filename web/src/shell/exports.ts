import { element } from "../page/dom.ts";
import { selectedLeaves, selectionCsv } from "../page/selection.ts";
import type { Store, View } from "../page/store.ts";
import { download, stem } from "./download.ts";
import { icon } from "./icons.ts";
import { Menu, type MenuItem } from "./menu.ts";
import type { Notice } from "./notice.ts";
import type { Edits } from "./edits.ts";
import { pngOf } from "./picture.ts";

/** The menu of what can be taken away: pictures, the selection, the edits. */
export function exportMenu(
  store: Store,
  pictures: () => readonly { title: string; view: View }[],
  editor: Edits | null,
  notice: Notice,
): HTMLElement {
  const button = element(
    "button",
    { type: "button", class: "quiet" },
    icon("export"),
    element("span", { class: "wide" }, "Export"),
  );
  button.setAttribute("aria-label", "Export");
  const name = stem(store.page.head.title);
  const attempt = (work: () => Promise<void> | void) => (): void => {
    Promise.resolve()
      .then(work)
      .catch((error: unknown) => notice.say(error instanceof Error ? error.message : String(error)));
  };
  const drawing = (svg: () => string, part: string): MenuItem[] => [
    {
      title: `${part} as SVG`,
      act: attempt(() => download(`${name}-${stem(part)}.svg`, new Blob([svg()], { type: "image/svg+xml" }))),
    },
    {
      title: `${part} as PNG`,
      act: attempt(async () =>
        download(
          `${name}-${stem(part)}.png`,
          await pngOf(svg(), getComputedStyle(document.body).backgroundColor),
        ),
      ),
    },
  ];
  const selection = (): MenuItem => {
    const leaves = selectedLeaves(store.shown, store.state);
    const count = `${leaves.length.toLocaleString("en")} ${leaves.length === 1 ? "sample" : "samples"}`;
    return {
      title: "Selection as CSV",
      hint: `${count} under the selected and chosen nodes; texts that begin with = + - @ get an apostrophe, so that no spreadsheet runs them`,
      act: attempt(async () => {
        const pieces: string[] = [];
        notice.say(`Writing ${count}…`);
        for await (const piece of selectionCsv(store.shown, leaves)) pieces.push(piece);
        download(`${name}-selection.csv`, new Blob(pieces, { type: "text/csv;charset=utf-8" }));
        notice.say(`${count} written`);
      }),
    };
  };
  const edits = (own: Edits): MenuItem => ({
    title: "Edits as JSON",
    hint:
      own.edits.length === 0
        ? "No edits yet"
        : `${own.edits.length.toLocaleString("en")} edits, for “hyperclade apply”`,
    disabled: own.edits.length === 0,
    act: attempt(() => download(`${name}-edits.json`, new Blob([own.json()], { type: "application/json" }))),
  });
  return new Menu(button, "Export", () => [
    ...pictures().flatMap(({ title, view }) =>
      view.svg === undefined ? [] : drawing(() => view.svg?.() ?? "", title),
    ),
    selection(),
    ...(editor === null ? [] : [edits(editor)]),
  ]).element;
}
