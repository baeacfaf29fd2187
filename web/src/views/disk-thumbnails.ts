const MOST = 400; // decoded images that are kept

/** Images by URL, read when they are first painted; one that is none shows as an empty frame. */
export class Thumbnails {
  readonly #images = new Map<string, HTMLImageElement>();

  /** `ready` is called when an image has been read. */
  constructor(private readonly ready: () => void) {}

  /** Paints an image whole into a square, or a frame while (or as) there is none. */
  paint(context: CanvasRenderingContext2D, url: string | null, x: number, y: number, side: number, frame: string): void {
    const image = url === null ? null : this.#image(url);
    if (image === null || !image.complete || image.naturalWidth === 0) {
      context.save();
      context.strokeStyle = frame;
      context.lineWidth = 1;
      context.strokeRect(x + 2, y + 2, side - 4, side - 4);
      context.restore();
      return;
    }
    const scale = (side - 4) / Math.max(image.naturalWidth, image.naturalHeight);
    const width = image.naturalWidth * scale;
    const height = image.naturalHeight * scale;
    context.drawImage(image, x + (side - width) / 2, y + (side - height) / 2, width, height);
  }

  #image(url: string): HTMLImageElement {
    let image = this.#images.get(url);
    if (image === undefined) {
      image = new Image();
      image.onload = this.ready;
      image.src = url;
    } else this.#images.delete(url);
    // The last used comes last, the longest unused goes first.
    this.#images.set(url, image);
    if (this.#images.size > MOST) this.#images.delete(this.#images.keys().next().value as string);
    return image;
  }
}
