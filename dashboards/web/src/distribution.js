// SPDX-License-Identifier: MIT
// How latencies are distributed: all variants on one chart, where each further nine of the percentile
// takes the same room, so that the tail can be read.

import uPlot from "uplot";
import { el, section } from "./dom.js";
import { duration, ms } from "./format.js";
import { HEADROOM, logTicks, nice } from "./frame.js";
import { paintTimeout } from "./painters.js";
import { nines, resample, shareAt, totalOf } from "./percentiles.js";
import { colour, onThemeChange } from "./theme.js";
import { variantColour, variantDash, variantName } from "./variants.js";

const STEPS = 480;
const TICKS = [0, nines(0.5), 1, 2, 3, 4, 5];

function gridOf(variants) {
  const most = Math.max(10, ...variants.map((variant) => totalOf(variant.distribution)));
  const end = Math.min(5, nines(1 - 1 / most));
  return Array.from({ length: STEPS + 1 }, (_, i) => (i / STEPS) * end);
}

function percentText(x) {
  return `${Number((shareAt(x) * 100).toFixed(3))} %`;
}

function latencyRange(curves, timeout) {
  const values = curves.flat().filter((value) => value !== null);
  if (timeout) values.push(timeout);
  const lo = nice(values.reduce((a, b) => Math.min(a, b)), false);
  const hi = values.reduce((a, b) => Math.max(a, b)) * HEADROOM;
  return [lo, Math.max(hi, lo * 10)];
}

function axes(lo, hi) {
  const common = {
    stroke: () => colour("muted"),
    grid: { stroke: () => colour("grid"), width: 1 },
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    ticks: { show: false },
  };
  return [
    {
      ...common,
      size: 24,
      gap: 4,
      splits: (u) => TICKS.filter((x) => x <= u.scales.x.max + 0.001 && (u.width > 560 || Number.isInteger(x))),
      filter: (u, splits) => splits,
      values: (u, splits) => splits.map(percentText),
    },
    {
      ...common,
      scale: "y",
      size: 58,
      gap: 6,
      splits: () => logTicks(lo, hi),
      filter: (u, splits) => splits,
      values: (u, splits) => splits.map(duration),
    },
  ];
}

function seriesOf(variant) {
  return {
    label: variant.label,
    scale: "y",
    stroke: () => colour(variantColour(variant)),
    width: 2,
    dash: variantDash(variant),
    points: { show: false },
  };
}

function sizeOf(host) {
  return { width: Math.max(host.clientWidth, 240), height: host.clientWidth < 560 ? 300 : 360 };
}

function plotOf(host, xs, curves, variants, timeout, onCursor) {
  const [lo, hi] = latencyRange(curves, timeout);
  const options = {
    ...sizeOf(host),
    padding: [12, 16, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [0, xs[xs.length - 1]] },
      y: { distr: 3, log: 10, range: () => [lo, hi] },
    },
    series: [{}, ...variants.map(seriesOf)],
    axes: axes(lo, hi),
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    hooks: {
      draw: [(u) => paintTimeout(u, timeout)],
      setCursor: [(u) => onCursor(u.cursor.left >= 0 ? u.cursor.idx : null)],
    },
  };
  return new uPlot(options, [xs, ...curves], host);
}

export function distribution(report) {
  const variants = report.variants.filter((variant) => variant.distribution.length);
  if (!variants.length) return null;
  const xs = gridOf(variants);
  const curves = variants.map((variant) => resample(variant.distribution, xs));
  const host = el("div", {
    class: "chart",
    role: "img",
    "aria-label": `Latency by percentile of ${variants.map((variant) => variant.label).join(", ")}; the same figures stand in the table of results.`,
  });
  const at = el("span", { class: "at" });
  const values = variants.map(() => el("span", { class: "value" }));
  const show = (index) => {
    at.textContent = index === null ? "" : `at ${percentText(xs[index])}`;
    values.forEach((node, i) => {
      node.textContent = index === null ? "" : ms(curves[i][index] ?? undefined);
    });
  };
  const legend = el(
    "ul",
    { class: "legend" },
    variants.map((variant, i) => el("li", {}, variantName(variant), values[i])),
    el("li", {}, at),
  );
  let plot;
  return {
    node: section(
      "distribution",
      "How latency is distributed",
      el(
        "p",
        { class: "hint" },
        "Milliseconds against the percentile of requests; each further nine takes the same room. A timed-out request counts with the time it took to fail.",
      ),
      legend,
      host,
    ),
    draw() {
      plot = plotOf(host, xs, curves, variants, report.drawnTimeout, show);
      onThemeChange(() => plot.redraw(false, true));
    },
    resize: () => plot.setSize(sizeOf(host)),
  };
}
