const NAMESPACE = "http://www.w3.org/2000/svg";
const PATHS = {
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.3 10.3 14 14",
  light:
    "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  dark: "M13.5 9.6A6 6 0 1 1 6.4 2.5a4.8 4.8 0 0 0 7.1 7.1Z",
  auto: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M8 2v12M8 5l4-1.6M8 8.5l6-2.2M8 12l5-2",
  export: "M8 2v8M4.5 6.8 8 10.2l3.5-3.4M2.5 11v2.5h11V11",
  undo: "M5.5 3 2.5 6l3 3M3 6h6.5a4 4 0 0 1 0 8H7",
  redo: "M10.5 3l3 3-3 3M13 6H6.5a4 4 0 0 0 0 8H9",
  down: "M4 6l4 4 4-4",
  up: "M4 10l4-4 4 4",
} as const;

export type Icon = keyof typeof PATHS;

/** A small picture that goes with a name; hidden from screen readers. */
export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(NAMESPACE, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
