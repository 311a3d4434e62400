// SPDX-License-Identifier: MIT
// Reads the data in the page and puts the sections into it.

import { blame } from "./blame.js";
import { causes } from "./causes.js";
import { claims } from "./claims.js";
import { readReport } from "./data.js";
import { distribution } from "./distribution.js";
import { el } from "./dom.js";
import { expectations } from "./expectations.js";
import { faults } from "./faults.js";
import { footer, header } from "./header.js";
import { investigation } from "./investigation.js";
import { configuration, machine } from "./machine.js";
import { matrix } from "./matrix.js";
import { results } from "./results.js";
import { startTheme } from "./theme.js";
import { timeline } from "./timeline.js";

// Charts are as wide as the page, so they are drawn again when its width changes, and for paper.
function followWidth(page, charts) {
  let width = page.clientWidth;
  const resize = () => {
    if (page.clientWidth === width) return;
    width = page.clientWidth;
    for (const chart of charts) chart.resize();
  };
  new ResizeObserver(resize).observe(page);
  matchMedia("print").addEventListener("change", resize);
}

function show(report, page) {
  document.title = `${report.name} \u2013 Tailgate`;
  const time = timeline(report);
  const spread = distribution(report);
  const charts = [time, spread].filter(Boolean);
  const parts = [
    header(report),
    investigation(report),
    results(report),
    time?.node,
    spread?.node,
    faults(report),
    matrix(report),
    causes(report),
    blame(report),
    expectations(report),
    claims(report),
    machine(report),
    configuration(report),
    footer(report),
  ];
  page.replaceChildren(...parts.filter(Boolean));
  for (const chart of charts) chart.draw();
  followWidth(page, charts);
}

function start() {
  const page = document.getElementById("page");
  startTheme();
  let report;
  try {
    report = readReport(document.getElementById("data").textContent);
  } catch (error) {
    page.replaceChildren(
      el("h1", {}, "No report here"),
      el("p", {}, `The data in this page cannot be read (${error.message}). Make it again with: tailgate report RUN`),
    );
    return;
  }
  show(report, page);
}

start();
