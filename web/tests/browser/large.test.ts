import { readFileSync, statSync, writeFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileOf, launch, open, type Opened } from "./browser.ts";

const MIB = 2 ** 20;
const SLACK = 4; // of times, as this machine may be busy; FIGURES takes the measured ones
const figures: Record<string, Record<string, number>> = {};

/** Times between frames in ms while `act` moves things about. */
async function frames(page: Page, act: () => Promise<void>): Promise<number[]> {
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(globalThis, { frameTimes: times });
    const next = (now: number): void => {
      times.push(now);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  await act();
  const times = await page.evaluate(() => (globalThis as unknown as { frameTimes: number[] }).frameTimes);
  return times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
}

/** MiB that the process of the only tab holds. */
async function memory(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = (await session.send("SystemInfo.getProcessInfo")) as { processInfo: { id: number; type: string }[] };
  const held = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) / 1024);
  return Math.max(...held);
}

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
    const shown = await opened.page.evaluate(() => performance.getEntriesByName("hyperclade-first-picture")[0].startTime);
    figures[name] = { mib: statSync(fileOf(`${name}.html`)).size / MIB, first_picture_ms: shown };
    expect(shown).toBeLessThan(SLACK * first);
    expect(opened.troubles).toEqual([]);
    expect(opened.requests).toEqual([]);
  });

  test("moves smoothly", async () => {
    const { page } = opened;
    const box = (await page.locator(".disk canvas").first().boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const times = await frames(page, async () => {
      await page.mouse.move(x, y);
      await page.mouse.down();
      for (let step = 0; step < 60; step++) {
        await page.mouse.move(x + 200 * Math.sin(step / 9), y + 150 * Math.sin(step / 7));
        await page.waitForTimeout(8);
      }
      await page.mouse.up();
      for (let step = 0; step < 6; step++) {
        await page.mouse.wheel(0, -240);
        await page.waitForTimeout(150);
      }
      await page.mouse.dblclick(x + 120, y - 90);
      await page.waitForTimeout(900);
    });
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
