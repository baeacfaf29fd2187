import type { Browser, Frame } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, fileOf, firstPicture, shared, tab, type Opened } from "./browser.ts";

let browser: Browser;
let opened: Opened;
let frame: Frame;
beforeAll(async () => {
  browser = await shared();
  opened = await tab(browser, { reducedMotion: "reduce" });
  await opened.page.goto(`file://${fileOf("notebook.html")}`, { waitUntil: "commit" });
  frame = (await (await opened.page.waitForSelector("iframe")).contentFrame())!;
  await firstPicture(frame);
});
afterAll(() => browser.close());

test("the frame has no access to anything outside, and no storage", async () => {
  const storage = await frame.evaluate(() => {
    try {
      return localStorage === null ? "null" : "storage";
    } catch (error) {
      return (error as Error).name;
    }
  });
  expect(storage).toBe("SecurityError");
  expect(await opened.page.locator("iframe").getAttribute("sandbox")).toBe("allow-scripts allow-downloads");
});

test("the page draws and is walked through in the frame", async () => {
  expect(await frame.evaluate(() => hyperclade.disk.nodesDrawn)).toBeGreaterThan(100);
  await frame.locator(".disk canvas").focus();
  await opened.page.keyboard.press("ArrowDown");
  await opened.page.keyboard.press("Enter");
  await drawn(frame);
  const { focus, selected, root } = await frame.evaluate(() => ({ ...hyperclade.store.state, root: hyperclade.store.shown.tree.root }));
  expect(focus).not.toBe(root);
  expect(selected).toBe(focus);
  await frame.locator("#search").fill("violin");
  await drawn(frame);
  await frame.locator("#search-results [role=option]").first().click();
  await drawn(frame);
  expect((await frame.locator(".panel h2").textContent())!.toLowerCase()).toBe("violin");
});

test("edits are done, saved as a file, and said not to be kept", async () => {
  await frame.locator("details.drawer > summary").click();
  await frame.evaluate(() => hyperclade.store.set({ selected: hyperclade.store.shown.tree.children(hyperclade.store.shown.tree.root)[0] }));
  await drawn(frame);
  await frame.getByRole("button", { name: "Dissolve" }).click();
  await drawn(frame);
  expect(await frame.evaluate(() => hyperclade.editor.edits.length)).toBe(1);
  expect(await frame.evaluate(() => hyperclade.editor.note)).toContain("keeps no edits");
  const [download] = await Promise.all([opened.page.waitForEvent("download"), frame.getByRole("button", { name: "Save edits" }).click()]);
  expect(download.suggestedFilename()).toBe("edits.json");
});

test("without troubles", async () => {
  expect(await frame.locator(".notice:not([hidden])").count()).toBe(0);
  expect(opened.troubles).toEqual([]);
  expect(opened.requests).toEqual([]);
});
