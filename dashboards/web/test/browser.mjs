// SPDX-License-Identifier: MIT
// Opens pages of invented runs in Chromium and uses them: they show without an error, ask for nothing
// from the network, fit a narrow screen, and zoom, switch rounds and change colours.
// Usage: node test/browser.mjs   (CHROMIUM names the browser)

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const SAMPLE = fileURLToPath(new URL("../sample.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "report-"));
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

async function open(scenario, options = {}) {
  const file = join(folder, `${scenario}.html`);
  execFileSync(process.execPath, [SAMPLE, scenario, file]);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("request", (request) => request.url().startsWith("file:") || problems.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector("#page > footer");
  return { page, problems };
}

async function picture(page, index = 0) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return page.locator(".chart canvas").nth(index).evaluate((canvas) => canvas.toDataURL());
}

const CHARTS = { usual: 4, clean: 3, one: 2, many: 13, gaps: 4, quiet: 3, nothing: 0 };

for (const [scenario, charts] of Object.entries(CHARTS))
  test(`${scenario}: shows without an error, wide and narrow`, async () => {
    for (const width of [1280, 400]) {
      const { page, problems } = await open(scenario, { viewport: { width, height: 900 } });
      assert.deepEqual(problems, []);
      assert.equal(await page.locator(".chart canvas").count(), charts);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
      await page.close();
    }
  });

test("the hover readout shows the same moment in every variant", async () => {
  const { page } = await open("usual");
  await page.locator(".chart .u-over").first().hover();
  const times = await page.locator(".readout .at").allTextContents();
  assert.equal(times.length, 3);
  assert.equal(new Set(times).size, 1);
  await page.close();
});

test("dragging zooms all charts and Escape shows everything again", async () => {
  const { page } = await open("usual");
  const whole = [await picture(page, 0), await picture(page, 2)];
  await page.locator(".chart .u-over").first().scrollIntoViewIfNeeded();
  const box = await page.locator(".chart .u-over").first().boundingBox();
  await page.mouse.move(box.x + 300, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + 500, box.y + 60, { steps: 4 });
  await page.mouse.up();
  const zoomed = [await picture(page, 0), await picture(page, 2)];
  assert.notEqual(zoomed[0], whole[0]);
  assert.notEqual(zoomed[1], whole[1]);
  assert.ok(await page.getByRole("button", { name: "Show the whole time" }).isVisible());
  await page.locator(".chart").first().focus();
  await page.keyboard.press("Escape");
  assert.deepEqual([await picture(page, 0), await picture(page, 2)], whole);
  await page.close();
});

test("arrow keys move the cursor", async () => {
  const { page } = await open("usual");
  await page.locator(".chart").first().focus();
  await page.keyboard.press("ArrowRight");
  const first = await page.locator(".readout .at").first().textContent();
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await page.locator(".readout .at").first().textContent(), first);
  await page.close();
});

test("another round and other colours draw other pictures", async () => {
  const { page, problems } = await open("usual");
  const first = await picture(page);
  await page.locator(".segmented span").nth(1).click();
  const second = await picture(page);
  assert.notEqual(second, first);
  await page.getByRole("button", { name: "Show the page dark" }).click();
  assert.notEqual(await picture(page), second);
  await page.getByRole("button", { name: "Show the page light" }).click();
  assert.equal(await picture(page), second);
  assert.deepEqual(problems, []);
  await page.close();
});

test("text from the data stays text", async () => {
  const { page } = await open("usual");
  assert.match(await page.locator("#configuration pre").textContent(), /"<\/script><b>" must stay text/);
  await page.close();
});

test("a variant that never ran has no figures", async () => {
  const { page } = await open("gaps");
  const rows = await page.locator("#results tbody tr").allTextContents();
  assert.equal(rows.filter((row) => row.endsWith("not measured")).length, 1);
  await page.close();
});
