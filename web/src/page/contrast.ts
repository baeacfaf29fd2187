type Rgb = [number, number, number];

/** A colour moved towards black or white until it has some contrast (as WCAG counts it) to the ground; both `#rrggbb` or `rgb(r, g, b)`. */
export function legible(colour: string, ground: string, least: number): string {
  const below = luminance(rgbOf(ground));
  const goal = below > 0.18 ? 0 : 255;
  let rgb = rgbOf(colour);
  for (let step = 0; step < 20 && ratio(luminance(rgb), below) < least; step++) {
    rgb = rgb.map((part) => Math.round(part + (goal - part) * 0.08)) as Rgb;
  }
  return `rgb(${rgb.join(", ")})`;
}

function rgbOf(colour: string): Rgb {
  if (colour.startsWith("#")) return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as Rgb;
  return (colour.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3).map(Number) as Rgb;
}

function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((part) => (part <= 10.31 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ratio(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
