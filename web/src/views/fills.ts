import { Colours } from "../page/colours.ts";
import type { Shown } from "../page/shown.ts";
import type { State } from "../page/store.ts";
import { contrast, mix, type Inks } from "./inks.ts";

const LEAST_CONTRAST = 1.6; // of an area with the ground

const made = new WeakMap<Shown, { colours: Colours; k: number }>();

/** The colours of a tree's nodes as the user wants to see them, the same for all views. */
export function coloursOf(shown: Shown, { colour, k }: Readonly<State>): Colours {
  const known = made.get(shown);
  if (known !== undefined && known.colours.by === colour && (colour !== "layer" || known.k === k)) return known.colours;
  const colours = new Colours(shown, colour, k);
  made.set(shown, { colours, k });
  return colours;
}

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
