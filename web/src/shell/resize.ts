import { element } from "../page/dom.ts";

const STEP = 16; // pixels a press of an arrow key

/** A bar between two parts of the page that the pointer or arrow keys move. */
export function resizer(options: {
  title: string;
  /** "vertical" bars move sideways. */
  orientation: "vertical" | "horizontal";
  /** Size in pixels of the part at the right or below, from its least to its most. */
  size: number;
  least: number;
  most: () => number;
  apply: (size: number) => void;
}): HTMLElement {
  const { title, orientation, least, most, apply } = options;
  const bar = element("div", {
    class: `resizer ${orientation}`,
    role: "separator",
    tabindex: "0",
    "aria-label": title,
    "aria-orientation": orientation,
  });
  let { size } = options;
  const set = (wanted: number): void => {
    size = Math.round(Math.max(least, Math.min(wanted, most())));
    bar.setAttribute("aria-valuenow", String(size));
    bar.setAttribute("aria-valuemin", String(least));
    bar.setAttribute("aria-valuemax", String(Math.round(most())));
    apply(size);
  };
  bar.addEventListener("keydown", (event) => {
    const grows = orientation === "vertical" ? "ArrowLeft" : "ArrowUp";
    const shrinks = orientation === "vertical" ? "ArrowRight" : "ArrowDown";
    if (event.key !== grows && event.key !== shrinks) return;
    event.preventDefault();
    set(size + (event.key === grows ? STEP : -STEP));
  });
  bar.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    bar.setPointerCapture(event.pointerId);
    const of = ({ clientX, clientY }: PointerEvent): number =>
      orientation === "vertical" ? clientX : clientY;
    const [from, before] = [of(event), size];
    const move = (next: PointerEvent): void => set(before + from - of(next));
    const end = (): void => bar.removeEventListener("pointermove", move);
    bar.addEventListener("pointermove", move);
    bar.addEventListener("lostpointercapture", end, { once: true });
  });
  set(size);
  return bar;
}
