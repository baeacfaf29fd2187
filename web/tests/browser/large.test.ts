import { statSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileOf, launch, open, type Opened } from "./browser.ts";
import { firstPicture } from "./chromium.ts";
import { frames, memory, wander } from "./measure.ts";

const MIB = 2 ** 20;
const SLACK = 4; // of times, as this machine may be busy; FIGURES takes the measured ones
const figures: Record<string, Record<string, number>> = {};

afterAll(() => {
  const path = process.env["FIGURES"];
  if (path !== undefined) writeFileSync(path, JSON.stringify(figures, null, 2));
});

describe.each([
  { name: "large", size: 20, first: 2000 },
  { name: "million", size: 60, first: 6000 },
])("$name", ({ name, size, first }) => {
  let opened: Opened;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const browser = await launch();
    close = () => browser.close();
    opened = await open(browser, `${name}.html`);
  });
  afterAll(() => close());

  test("is small, quick and quiet", async () => {
    expect(statSync(fileOf(`${name}.html`)).size).toBeLessThan(size * MIB);
    const shown = await firstPicture(opened.page);
    figures[name] = { mib: statSync(fileOf(`${name}.html`)).size / MIB, first_picture_ms: shown };
    expect(shown).toBeLessThan(SLACK * first);
    expect(opened.troubles).toEqual([]);
    expect(opened.requests).toEqual([]);
  });

  test("moves smoothly", async () => {
    const { page } = opened;
    const box = (await page.locator(".disk canvas").first().boundingBox())!;
    const times = await frames(page, () => wander(page, box));
    const at = (share: number): number => times[Math.floor(share * times.length)];
    Object.assign(figures[name], { frames: times.length, median_frame_ms: at(0.5), frame_95_ms: at(0.95) });
    expect(at(0.5)).toBeLessThan(SLACK * 33);
    expect(at(0.95)).toBeLessThan(SLACK * 60);
  });

  test("holds little memory", async () => {
    const held = await memory(opened.page);
    Object.assign(figures[name], { tab_mib: held });
    expect(held).toBeLessThan(1024);
  });
});
