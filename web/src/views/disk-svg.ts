import { orthogonalCircle } from "../core/geodesic.ts";
import type { Label } from "./disk-labels.ts";
import type { Scene } from "./disk-scene.ts";

/** Looks of the picture; colours are CSS colours. */
export interface Inks {
  ground: string;
  raised: string;
  ink: string;
  line: string;
  /** Colour of the edge to an entry of the scene. */
  edge(at: number): string;
  /** Width of that edge in pixels. */
  width(at: number): number;
  /** Radius of the dot of an entry in pixels. */
  dot(at: number): number;
}

/** The scene as an SVG document: a path for each edge and an element of class "node" for each node. */
export function sceneSvg(scene: Scene, labels: readonly Label[], inks: Inks, radius: number, width: number, height: number): string {
  const circle = new Float64Array(3);
  const round = (value: number): string => value.toFixed(2);
  const edges = new Map<string, string[]>();
  const nodes: string[] = [];
  for (let at = 0; at < scene.count; at++) {
    const x = scene.x[at];
    const y = scene.y[at];
    const up = scene.up[at];
    nodes.push(`<circle class="node" cx="${round(x * radius)}" cy="${round(-y * radius)}" r="${round(inks.dot(at))}" fill="${inks.edge(at)}"/>`);
    if (up < 0) continue;
    const [ux, uy] = [scene.x[up], scene.y[up]];
    const from = `M${round(ux * radius)} ${round(-uy * radius)}`;
    const to = `${round(x * radius)} ${round(-y * radius)}`;
    let path = `${from}L${to}`;
    if (orthogonalCircle(ux, uy, x, y, circle) && circle[2] < 100) {
      const clockwise = (ux - circle[0]) * (y - circle[1]) - (uy - circle[1]) * (x - circle[0]) < 0 ? 1 : 0;
      path = `${from}A${round(circle[2] * radius)} ${round(circle[2] * radius)} 0 0 ${clockwise} ${to}`;
    }
    const style = `stroke="${inks.edge(at)}" stroke-width="${round(inks.width(at))}"`;
    const same = edges.get(style);
    if (same === undefined) edges.set(style, [path]);
    else same.push(path);
  }
  const paths = Array.from(edges, ([style, same]) => same.map((path) => `<path ${style} d="${path}"/>`).join("\n"));
  const texts = labels
    .filter(({ goal }) => goal > 0)
    .map(({ x, y, width: wide, height: high, type, text }) =>
      `<text x="${round(x + wide / 2)}" y="${round(y + high - 0.3 * type)}" font-size="${type}">${escaped(text)}</text>`,
    );
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${-width / 2} ${-height / 2} ${width} ${height}">
<rect x="${-width / 2}" y="${-height / 2}" width="${width}" height="${height}" fill="${inks.ground}"/>
<circle r="${round(radius)}" fill="${inks.raised}" stroke="${inks.line}"/>
<g fill="none" stroke-linecap="round">
${paths.join("\n")}
</g>
<g>
${nodes.join("\n")}
</g>
<g fill="${inks.ink}" stroke="${inks.ground}" stroke-width="3" stroke-linejoin="round" paint-order="stroke" text-anchor="middle" font-family="system-ui, sans-serif">
${texts.join("\n")}
</g>
</svg>
`;
}

function escaped(text: string): string {
  // What `plain` may leave of what XML cannot hold: halves of cut signs are among it.
  return text.replace(/[\uFFFE\uFFFF\p{Cs}]/gu, "").replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
