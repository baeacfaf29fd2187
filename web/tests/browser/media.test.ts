import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, goTo, set, shared, tab, type Opened } from "./browser.ts";

interface Counts {
  urls: string[];
  played: number;
}

let browser: Browser;
let opened: Opened;
beforeAll(async () => {
  browser = await shared();
  opened = await tab(browser, { reducedMotion: "reduce" });
  await opened.page.addInitScript(() => {
    const counts: Counts = { urls: [], played: 0 };
    Object.assign(globalThis, { counts });
    const make = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (own: Blob | MediaSource) => {
      counts.urls.push((own as Blob).type);
      return make(own);
    };
    addEventListener("DOMContentLoaded", () => {
      const { play } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.play = function (this: HTMLMediaElement) {
        this.addEventListener("timeupdate", () => (counts.played = Math.max(counts.played, this.currentTime)));
        return play.call(this);
      };
    });
  });
  await goTo(opened.page, "media.html");
});
afterAll(() => browser.close());

const urls = (type: string): Promise<number> => opened.page.evaluate((own) => (globalThis as unknown as { counts: Counts }).counts.urls.filter((one) => one.startsWith(own)).length, type);

/** Pictures of the panel: how many are read, and how many are, or have been, in sight. */
const pictures = () => opened.page.evaluate(() => {
  const body = document.querySelector(".panel .body")!.getBoundingClientRect();
  const all = [...document.querySelectorAll<HTMLImageElement>(".panel img")];
  const inSight = all.filter((own) => {
    const { top, bottom } = own.getBoundingClientRect();
    return own.checkVisibility() && bottom > body.top && top < body.bottom;
  });
  return { all: all.length, inSight: inSight.length, read: all.filter(({ src }) => src !== "").length, seenRead: inSight.filter(({ complete, naturalWidth }) => complete && naturalWidth > 0).length };
});

test("nothing is decoded before it is seen", async () => {
  const { page } = opened;
  expect(await page.evaluate(() => document.querySelectorAll("script[id^=hc-i], script[id^=hc-s]").length)).toBe(2201);
  await drawn(page);
  const first = await pictures();
  expect(first.all).toBeGreaterThan(first.inSight);
  expect(await urls("image/")).toBeLessThanOrEqual(first.inSight + 2); // those whose edge is in sight
  expect(await urls("audio/")).toBe(0);
});

test("members show when they are scrolled to", async () => {
  const { page } = opened;
  const before = await urls("image/");
  await page.locator(".panel .body").evaluate((own) => (own.scrollTop = own.scrollHeight));
  await expect.poll(async () => {
    const { inSight, seenRead } = await pictures();
    return inSight > 0 && inSight === seenRead;
  }).toBe(true);
  expect(await urls("image/")).toBeGreaterThan(before);
  expect(await urls("image/")).toBeLessThan(60);
  expect(await urls("audio/")).toBe(0);
});

test("thumbnails appear in the disk where there is room, of few samples only", async () => {
  const { page } = opened;
  const before = await urls("image/");
  await set(page, { focus: 500, selected: 500 });
  await expect.poll(() => urls("image/")).toBeGreaterThan(before);
  expect(await urls("image/")).toBeLessThan(200);
});

test("a sound plays when it is asked for", async () => {
  const { page } = opened;
  await set(page, { selected: 20 });
  const play = page.locator(".panel button.play").first();
  expect(await play.getAttribute("aria-label")).toBe("Play #20");
  await play.click();
  await expect.poll(() => page.evaluate(() => (globalThis as unknown as { counts: Counts }).counts.played)).toBeGreaterThan(0);
  expect(await urls("audio/")).toBe(1);
  await expect.poll(() => play.getAttribute("aria-label")).toBe("Play #20"); // it has come to its end
});

test("a picture that is none has a placeholder", async () => {
  const { page, troubles, requests } = opened;
  await set(page, { focus: 2000, selected: 2000 });
  await page.locator(".panel .broken").waitFor();
  expect(await page.locator(".panel .broken").textContent()).toBe("not a picture");
  expect(await page.locator(".panel img").count()).toBe(0);
  expect(troubles).toEqual([]);
  expect(requests).toEqual([]);
});
