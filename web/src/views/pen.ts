const FAMILY = "system-ui, sans-serif";
const MOST_MEASURED = 20_000;

/** How a text stands: its anchor, and whether it runs upward. */
export interface Stand {
  anchor?: "start" | "middle" | "end";
  upward?: boolean;
  bold?: boolean;
}

/** Draws the same picture on a canvas or into an SVG document. */
export interface Pen {
  fill(x: number, y: number, width: number, height: number, colour: string): void;
  /** An outline that lies within the rectangle. */
  frame(x: number, y: number, width: number, height: number, colour: string, thick: number, dashed?: boolean): void;
  /** A way through points x0, y0, x1, y1, … */
  line(points: readonly number[], colour: string, thick: number, dashed?: boolean): void;
  /** A text whose middle is at the height y. */
  text(text: string, x: number, y: number, colour: string, size: number, stand?: Stand): void;
  /** A picture whose pixels become rectangles. */
  image(picture: HTMLCanvasElement, x: number, y: number, width: number, height: number): void;
}

/** Draws on a canvas, in CSS pixels. */
export class CanvasPen implements Pen {
  constructor(readonly context: CanvasRenderingContext2D) {}

  fill(x: number, y: number, width: number, height: number, colour: string): void {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  frame(x: number, y: number, width: number, height: number, colour: string, thick: number, dashed = false): void {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.setLineDash(dashed ? [4, 3] : []);
    context.strokeRect(x + thick / 2, y + thick / 2, Math.max(width - thick, 0), Math.max(height - thick, 0));
  }

  line(points: readonly number[], colour: string, thick: number, dashed = false): void {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.setLineDash(dashed ? [4, 3] : []);
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) context.lineTo(points[i], points[i + 1]);
    context.stroke();
  }

  text(text: string, x: number, y: number, colour: string, size: number, { anchor = "start", upward = false, bold = false }: Stand = {}): void {
    const { context } = this;
    context.font = font(size, bold);
    context.fillStyle = colour;
    context.textAlign = anchor === "middle" ? "center" : anchor === "end" ? "right" : "left";
    context.textBaseline = "middle";
    if (!upward) {
      context.fillText(text, x, y + 0.5);
      return;
    }
    context.save();
    context.translate(x, y);
    context.rotate(-Math.PI / 2);
    context.fillText(text, 0, 0.5);
    context.restore();
  }

  image(picture: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(picture, x, y, width, height);
  }
}

/** Writes an SVG document. */
export class SvgPen implements Pen {
  readonly #parts: string[] = [];

  constructor(
    private readonly width: number,
    private readonly height: number,
    private readonly title: string,
  ) {}

  fill(x: number, y: number, width: number, height: number, colour: string): void {
    this.#parts.push(`<rect ${place(x, y, width, height)} fill="${colour}"/>`);
  }

  frame(x: number, y: number, width: number, height: number, colour: string, thick: number, dashed = false): void {
    const inner = place(x + thick / 2, y + thick / 2, Math.max(width - thick, 0), Math.max(height - thick, 0));
    this.#parts.push(`<rect ${inner} fill="none" stroke="${colour}" stroke-width="${thick}"${dash(dashed)}/>`);
  }

  line(points: readonly number[], colour: string, thick: number, dashed = false): void {
    this.#parts.push(`<polyline points="${points.map(short).join(" ")}" fill="none" stroke="${colour}" stroke-width="${thick}"${dash(dashed)}/>`);
  }

  text(text: string, x: number, y: number, colour: string, size: number, { anchor = "start", upward = false, bold = false }: Stand = {}): void {
    const turn = upward ? ` transform="rotate(-90 ${short(x)} ${short(y)})"` : "";
    const weight = bold ? ' font-weight="600"' : "";
    this.#parts.push(
      `<text x="${short(x)}" y="${short(y)}" fill="${colour}" font-size="${size}" text-anchor="${anchor}" dominant-baseline="central"${weight}${turn}>${escaped(text)}</text>`,
    );
  }

  image(picture: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    this.#parts.push(
      `<image ${place(x, y, width, height)} href="${picture.toDataURL("image/png")}" preserveAspectRatio="none" image-rendering="pixelated"/>`,
    );
  }

  document(): string {
    const { width, height } = this;
    const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${FAMILY}" role="img"><title>${escaped(this.title)}</title>${this.#parts.join("\n")}</svg>\n`;
  }
}

/** As much of a text as has room, with "…" where it is cut; "" if that is next to nothing. */
export function fit(text: string, room: number, size: number, bold = false): string {
  const whole = measure(text, size, bold);
  if (whole <= room) return text;
  const signs = Array.from(text);
  let count = Math.min(signs.length - 1, Math.floor((signs.length * room) / whole));
  for (; count >= 2; count--) {
    const cut = `${signs.slice(0, count).join("").trimEnd()}…`;
    if (measure(cut, size, bold) <= room) return cut;
  }
  return "";
}

const widths = new Map<string, number>();
let measuring: CanvasRenderingContext2D | null = null;

/** Width of a text in CSS pixels. */
export function measure(text: string, size: number, bold = false): number {
  const key = `${size}${bold ? "b" : ""}:${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    measuring ??= document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
    measuring.font = font(size, bold);
    width = measuring.measureText(text).width;
    if (widths.size >= MOST_MEASURED) widths.clear();
    widths.set(key, width);
  }
  return width;
}

const font = (size: number, bold: boolean): string => `${bold ? "600 " : ""}${size}px ${FAMILY}`;
const short = (value: number): string => String(Math.round(value * 100) / 100);
const dash = (dashed: boolean): string => (dashed ? ' stroke-dasharray="4 3"' : "");
const place = (x: number, y: number, width: number, height: number): string =>
  `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;

const ENTITIES: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "\uFFFE": "", "\uFFFF": "" };
const escaped = (text: string): string => text.replace(/[<>&"\uFFFE\uFFFF]/g, (sign) => ENTITIES[sign]);
