// SPDX-License-Identifier: MIT
// Makes dist/report.html: the whole page in one file, with one placeholder for the data.
// Usage: node build.mjs [FOLDER]   (the folder to write to; by default dist/ beside this file)

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PLACEHOLDER = "/*TAILGATE_DATA*/";
const LARGEST = 120 * 1024;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// `entry` may also say what is to be built: esbuild's own options.
async function bundle(options) {
  const result = await build({
    bundle: true,
    minify: true,
    write: false,
    legalComments: "none",
    charset: "utf8",
    target: "es2022",
    absWorkingDir: here("."),
    ...options,
  });
  return result.outputFiles[0].text.trim();
}

function fill(template, parts) {
  return template.replace(/\/\*(STYLE|SCRIPT|DATA)\*\/|<!--(LICENCE)-->/g, (_, a, b) => parts[a ?? b]);
}

// What the HTML parser would take for its own inside a script or style element.
function assertInlinable(name, text) {
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`${name} holds text that would end its element`);
  return text;
}

function check(page) {
  const size = Buffer.byteLength(page);
  if (page.split(PLACEHOLDER).length !== 2) throw new Error(`the page must hold ${PLACEHOLDER} exactly once`);
  if (size > LARGEST) throw new Error(`the page has ${size} bytes, more than ${LARGEST}`);
  return size;
}

const folder = process.argv[2] ?? here("dist");
const [template, licence, script, style] = await Promise.all([
  readFile(here("src/index.html"), "utf8"),
  readFile(here("node_modules/uplot/LICENSE"), "utf8"),
  bundle({ entryPoints: ["src/main.js"], format: "iife" }),
  bundle({ stdin: { contents: '@import "uplot/dist/uPlot.min.css"; @import "./src/style.css";', loader: "css", resolveDir: here(".") } }),
]);
const page = fill(template, {
  LICENCE: `<!--\nSPDX-License-Identifier: MIT\nThe charts are drawn by uPlot, which is included here under this licence:\n\n${licence.trim()}\n-->`,
  STYLE: assertInlinable("the style", style),
  SCRIPT: assertInlinable("the script", script),
  DATA: PLACEHOLDER,
});
const size = check(page);
await mkdir(folder, { recursive: true });
await writeFile(`${folder}/report.html`, page);
console.log(`${folder}/report.html: ${(size / 1024).toFixed(1)} KiB`);
