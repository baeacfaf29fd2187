import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";

/** Times between frames in ms, in ascending order, while `act` moves things about. */
export async function frames(page: Page, act: () => Promise<void>): Promise<number[]> {
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

/** Pans what lies in a box, zooms into it and double-clicks, for some three seconds. */
export async function wander(page: Page, box: { x: number; y: number; width: number; height: number }): Promise<void> {
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
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
}

/** MiB that the process of the only tab holds. */
export async function memory(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = (await session.send("SystemInfo.getProcessInfo")) as { processInfo: { id: number; type: string }[] };
  const held = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) / 1024);
  return Math.max(...held);
}

/** Clicks into what lies in a box, some times, waiting for each glide; for pictures that cannot be dragged. */
export async function clicks(page: Page, box: { x: number; y: number; width: number; height: number }): Promise<void> {
  for (const [right, down] of [[0.55, 0.4], [0.6, 0.6], [0.65, 0.5]] as const) {
    await page.mouse.click(box.x + right * box.width, box.y + down * box.height);
    await page.waitForTimeout(1200);
  }
}
