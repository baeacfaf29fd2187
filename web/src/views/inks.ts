import { element } from "../page/dom.ts";

const NAMES = ["ground", "raised", "line", "ink", "quiet", "accent"] as const;

/** The colours of the theme as canvas and SVG understand them. */
export type Inks = Record<(typeof NAMES)[number], string>;

type Rgb = readonly [number, number, number];

/** The colours that the style sheet has for an element now. */
export function readInks(host: HTMLElement): Inks {
  const probe = element("span", { hidden: true });
  host.append(probe);
  const inks = {} as Inks;
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    inks[name] = hex(rgb(getComputedStyle(probe).color));
  }
  probe.remove();
  return inks;
}

/** Black or white, whichever stands out from a colour more. */
export function onColour(colour: string): string {
  return contrast(colour, "#000000") > contrast(colour, "#ffffff") ? "#000000" : "#ffffff";
}

/** Contrast of two colours, as WCAG has it: 1 … 21. */
export function contrast(first: string, second: string): number {
  const [a, b] = [luminance(first), luminance(second)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** A colour between two, by the share of the second. */
export function mix(first: string, second: string, share: number): string {
  const a = rgb(first);
  const b = rgb(second);
  return hex([0, 1, 2].map((i) => a[i] + share * (b[i] - a[i])) as unknown as Rgb);
}

/** Relative luminance, as WCAG has it. */
function luminance(colour: string): number {
  const [r, g, b] = rgb(colour).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function rgb(colour: string): Rgb {
  const digits = /^#([0-9a-f]{6})$/i.exec(colour);
  if (digits !== null) {
    const value = Number.parseInt(digits[1], 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const parts = /^rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)/.exec(colour);
  return parts === null ? [128, 128, 128] : [Number(parts[1]), Number(parts[2]), Number(parts[3])];
}

function hex([r, g, b]: Rgb): string {
  return `#${[r, g, b].map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}
