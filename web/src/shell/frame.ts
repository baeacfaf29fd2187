import { element } from "../page/dom.ts";
import { resizer } from "./resize.ts";

const PANEL = 340; // pixels wide
const SIDE = 0.3; // of the window's height

/** The body of the page: path and stage, below them the other views, at the right the panel. */
export function frame(
  way: HTMLElement,
  stage: HTMLElement,
  sides: HTMLElement | null,
  panel: HTMLElement | null,
): HTMLElement {
  const main = element(
    "main",
    { id: "main", tabindex: "-1" },
    way,
    element("div", { class: "stage" }, stage),
  );
  const body = element("div", { class: "page-body" }, main);
  const { style } = document.documentElement;
  if (sides !== null) {
    const bar = resizer({
      title: "Height of the views below",
      orientation: "horizontal",
      size: innerHeight * SIDE,
      least: 96,
      most: () => innerHeight * 0.6,
      apply: (size) => style.setProperty("--side-height", `${size}px`),
    });
    main.append(bar, sides);
  }
  if (panel !== null) {
    const bar = resizer({
      title: "Width of the panel",
      orientation: "vertical",
      size: PANEL,
      least: 240,
      most: () => innerWidth * 0.5,
      apply: (size) => style.setProperty("--panel-width", `${size}px`),
    });
    body.append(element("aside", { class: "panel-place", "aria-label": "Selected node" }, bar, panel));
  }
  return body;
}

/** The link that leads past the header, first in the page. */
export function skipLink(body: HTMLElement): HTMLElement {
  const link = element("a", { class: "skip", href: "#main" }, "Skip to the hierarchy");
  link.addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the state's
    body.querySelector("main")?.focus();
  });
  return link;
}
