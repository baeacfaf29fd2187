import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { serve } from "./chromium.ts";

/** Makes the pages once, and starts one browser for all; PYTHON names the interpreter that has Hyperclade. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "hyperclade-pages-"));
  const python = process.env["PYTHON"] ?? resolve(import.meta.dirname, "../../../.venv/bin/python");
  execFileSync(python, [resolve(import.meta.dirname, "pages.py"), folder], { stdio: "inherit" });
  const server = await serve();
  project.provide("pages", folder);
  project.provide("python", python);
  project.provide("chromium", server.wsEndpoint());
  return async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
}
