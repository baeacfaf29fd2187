import type { Complex } from "../core/mobius.ts";

/** What pointers ask of the disk; points in pixels from its middle, y up. */
export interface Gestures {
  /** The picture is held at a point. */
  grab(at: Complex): void;
  /** The point where it was grabbed is now there. */
  drag(to: Complex): void;
  /** Closer by a hyperbolic length (farther if negative), towards a point: in time, or at once under two fingers. */
  zoom(length: number, towards: Complex, atOnce: boolean): void;
  /** The picture is let go. */
  release(): void;
  hover(at: Complex | null): void;
  /** A point is clicked; `more` with a key that adds to what is chosen. */
  click(at: Complex, more: boolean): void;
  /** A point is clicked twice. */
  open(at: Complex): void;
}

const STILL = 5; // pixels a pointer may move in a click
const STILL_TOUCH = 12;
const TWICE = 350; // milliseconds from one click to the next
const WHEEL = 0.0022; // of hyperbolic length a pixel
const LINE = 18; // pixels of the wheel a line

/** Makes gestures of pointer and wheel events: drag, click, double click, wheel, and two fingers. */
export function listen(canvas: HTMLCanvasElement, gestures: Gestures): void {
  const held = new Map<number, Complex>();
  let first: Complex | null = null;
  let spread = 0;
  let last = { at: { re: 0, im: 0 }, time: -Infinity };

  const point = (event: MouseEvent): Complex => {
    const box = canvas.getBoundingClientRect();
    return { re: event.clientX - box.left - box.width / 2, im: box.top + box.height / 2 - event.clientY };
  };
  const apart = (p: Complex, q: Complex): number => Math.hypot(p.re - q.re, p.im - q.im);
  const middle = (): Complex => {
    let [re, im] = [0, 0];
    for (const at of held.values()) [re, im] = [re + at.re / held.size, im + at.im / held.size];
    return { re, im };
  };
  const width = (): number => {
    const [p, q] = held.values();
    return Math.max(apart(p, q), 1);
  };
  const regrab = (): void => {
    if (held.size === 2) spread = width();
    if (held.size > 0) gestures.grab(middle());
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || held.size === 2) return;
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // A pointer that is already gone.
    }
    held.set(event.pointerId, point(event));
    first = held.size === 1 ? point(event) : null;
    canvas.classList.add("held");
    regrab();
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = point(event);
    if (!held.has(event.pointerId)) {
      if (event.pointerType !== "touch") gestures.hover(at);
      return;
    }
    held.set(event.pointerId, at);
    if (first !== null && apart(first, at) < (event.pointerType === "touch" ? STILL_TOUCH : STILL)) return;
    first = null;
    gestures.drag(middle());
    if (held.size === 2) {
      const now = width();
      gestures.zoom(1.5 * Math.log(now / spread), middle(), true);
      spread = now;
      gestures.grab(middle());
    }
  });
  const end = (event: PointerEvent): void => {
    if (!held.delete(event.pointerId)) return;
    if (first !== null && event.type === "pointerup") {
      const twice = event.timeStamp - last.time < TWICE && apart(first, last.at) < STILL_TOUCH;
      if (twice) gestures.open(first);
      else gestures.click(first, event.shiftKey || event.ctrlKey || event.metaKey);
      last = { at: first, time: twice ? -Infinity : event.timeStamp };
    }
    first = null;
    if (held.size > 0) return regrab();
    canvas.classList.remove("held");
    gestures.release();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => gestures.hover(null));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
      // Two fingers on a touch pad come as a wheel with Control, in small steps.
      const length = -Math.min(Math.max(pixels, -200), 200) * WHEEL * (event.ctrlKey ? 5 : 1);
      gestures.zoom(length, point(event), false);
    },
    { passive: false },
  );
}
