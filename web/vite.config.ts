import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const MARKER = "<!--hyperclade:data-->";
const POLICY = (script: string, style: string): string =>
  [
    "default-src 'none'",
    `script-src '${script}'`,
    `style-src '${style}'`,
    "img-src data: blob:",
    "media-src data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");

const digest = (text: string): string => `sha256-${createHash("sha256").update(text, "utf8").digest("base64")}`;

/** Puts script and style into the one HTML file, whose policy allows these two and nothing else. */
function oneFile(): Plugin {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      let script = "";
      let style = "";
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === "chunk") script += part.code;
        else if (name.endsWith(".css")) style += String(part.source);
        if (!name.endsWith(".html")) delete bundle[name];
      }
      // A closing tag inside would end the element early.
      script = `\n${script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--").trim()}\n`;
      style = `\n${style.trim()}\n`;
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("the build made no index.html");
      const html = String(page.source)
        .replace(/\s*<script[^>]*src=[^>]*><\/script>/g, "")
        .replace(/\s*<link[^>]*rel="(stylesheet|modulepreload)"[^>]*>/g, "")
        .replace("<!--policy-->", () => `<meta http-equiv="Content-Security-Policy" content="${POLICY(digest(script), digest(style))}">`)
        .replace("<!--style-->", () => `<style>${style}</style>`)
        .replace("<!--script-->", () => `<script>${script}</script>`);
      if (html.split(MARKER).length !== 2) throw new Error(`index.html must hold ${MARKER} once`);
      page.source = html;
      page.fileName = "page.html";
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  plugins: [oneFile()],
  build: {
    outDir: resolve(import.meta.dirname, "dist"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 1 << 20,
    rollupOptions: { output: { format: "iife" } },
  },
});
