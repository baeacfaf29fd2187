import { element } from "../../page/dom.ts";
import type { PanelContext } from "./context.ts";

/** Thumbnails and sounds of leaves; a picture is decoded when it comes into sight, a sound when it is played. */
export class MediaParts {
  readonly #seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#seen.unobserve(target);
      this.#load(target as HTMLImageElement);
    }
  });
  #playing: { audio: HTMLAudioElement; button: HTMLButtonElement } | null = null;

  constructor(private readonly context: PanelContext) {}

  /** A picture of a leaf, or null if it has none. */
  image(leaf: number, kind: "thumb" | "large"): HTMLElement | null {
    const { shown, page } = this.context.store;
    if (!page.media.hasImage(shown.sample(leaf))) return null;
    const image = element("img", { "data-sample": String(shown.sample(leaf)), alt: kind === "large" ? this.context.called(leaf) : "", decoding: "async" });
    const frame = element("span", { class: kind }, image);
    image.addEventListener("error", () => frame.replaceChildren(element("span", { class: "broken" }, "not a picture")));
    this.#seen.observe(image);
    return frame;
  }

  /** A button that plays a leaf's sound and stops it, or null if it has none. */
  sound(leaf: number, key: string): HTMLButtonElement | null {
    const { shown, page } = this.context.store;
    const sample = shown.sample(leaf);
    if (!page.media.hasSound(sample)) return null;
    const name = this.context.called(leaf);
    const button = element("button", { type: "button", class: "play", "data-key": `play-${key}-${sample}`, "aria-label": `Play ${name}` }, "▶");
    button.addEventListener("click", () => {
      const again = this.#playing?.button === button;
      this.stop();
      const url = again ? null : page.media.sound(sample);
      if (url === null) return;
      const audio = new Audio(url);
      this.#playing = { audio, button };
      button.textContent = "■";
      button.setAttribute("aria-label", `Stop ${name}`);
      const failed = (): void => {
        if (this.#playing?.audio === audio) this.stop();
        this.context.say(`The sound of ${name} cannot be played here.`);
      };
      audio.addEventListener("ended", () => this.stop());
      audio.play().catch((error: unknown) => {
        if ((error as DOMException).name !== "AbortError") failed();
      });
    });
    return button;
  }

  /** Stops the sound that plays. */
  stop(): void {
    if (this.#playing === null) return;
    const { audio, button } = this.#playing;
    this.#playing = null;
    audio.pause();
    button.textContent = "▶";
    button.setAttribute("aria-label", (button.getAttribute("aria-label") ?? "").replace(/^Stop/u, "Play"));
  }

  #load(image: HTMLImageElement): void {
    const url = this.context.store.page.media.image(Number(image.dataset.sample));
    if (url === null) image.dispatchEvent(new Event("error"));
    else image.src = url;
  }
}
