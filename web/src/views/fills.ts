import type { Colours } from "../page/colours.ts";
import { contrast, mix, type Inks } from "./inks.ts";

const LEAST_CONTRAST = 1.6; // of an area with the ground

/** CSS colour of a node's area, by the share of the ground in it. */
export function fillsOf(colours: Colours, inks: Inks): (node: number, faint: number) => string {
  const css = colours.css(mix(inks.line, inks.quiet, 0.25)).map((own) => (contrast(own, inks.ground) < LEAST_CONTRAST ? mix(own, inks.ink, 0.3) : own));
  const known = new Map<number, string>();
  return (node, faint) => {
    const colour = colours.of(node);
    const key = colour * 1000 + Math.round(100 * faint);
    let fill = known.get(key);
    if (fill === undefined) {
      fill = mix(css[colour], inks.ground, faint);
      known.set(key, fill);
    }
    return fill;
  };
}
