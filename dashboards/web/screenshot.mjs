// SPDX-License-Identifier: MIT
// Takes a picture of a report page, the whole of it or one section.
// Usage: node screenshot.mjs report.html out.png [--dark] [--width=1280] [--height=PIXELS] [--hover=0.5] [--section=ID]
//   --height  only that much from the top; --hover  moves the mouse to that share of the first chart;
//   --section  that one alone, as in docs/metastability.png: --section=investigation --width=1100
// CHROMIUM names the browser where it is not /usr/bin/chromium.

import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: "boolean", default: false },
    width: { type: "string", default: "1280" },
    height: { type: "string" },
    hover: { type: "string" },
    section: { type: "string" },
  },
});
const [report, out] = positionals;
if (!report || !out) {
  console.error("usage: node screenshot.mjs report.html out.png [--dark] [--width=N] [--height=N] [--hover=SHARE] [--section=ID]");
  process.exit(2);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
try {
  const page = await browser.newPage({
    colorScheme: values.dark ? "dark" : "light",
    viewport: { width: Number(values.width), height: Number(values.height ?? 900) },
  });
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto(pathToFileURL(report).href);
  await page.waitForSelector("#page > *");
  if (values.hover) {
    const box = await page.locator(".chart .u-over").first().boundingBox();
    await page.mouse.move(box.x + box.width * Number(values.hover), box.y + box.height / 2);
  }
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  if (values.section) await page.locator(`section#${values.section}`).screenshot({ path: out });
  else await page.screenshot({ path: out, fullPage: !values.height });
  if (problems.length) throw new Error(`the page complains: ${problems.join("; ")}`);
} finally {
  await browser.close();
}
