import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";

/** Makes the pages once; PYTHON names the interpreter that has Hyperclade. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "hyperclade-pages-"));
  const python = process.env["PYTHON"] ?? resolve(import.meta.dirname, "../../../.venv/bin/python");
  execFileSync(python, [resolve(import.meta.dirname, "pages.py"), folder], { stdio: "inherit" });
  project.provide("pages", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
