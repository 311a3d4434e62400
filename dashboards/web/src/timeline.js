// SPDX-License-Identifier: MIT
// The section with one chart per variant, below one another so that their times line up.

import uPlot from "uplot";
import { el, section } from "./dom.js";
import { count, duration, isBound, ms, percent } from "./format.js";
import { sharedFrame } from "./frame.js";
import { markPath } from "./painters.js";
import { CAUSE_PATTERNS, lineSwatch, svg, swatch } from "./patterns.js";
import { readout } from "./readout.js";
import { onThemeChange } from "./theme.js";
import { LINES, timeChart } from "./timechart.js";
import { variantName } from "./variants.js";
import { pauseStyle, stateStyle } from "./words.js";

// More variants than this stand in two columns where there is room.
const MOST_ROWS = 6;

function chartHeight(variants) {
  if (variants <= 2) return 280;
  return variants <= 4 ? 236 : 190;
}

function legendItem(mark, text) {
  return el("li", {}, mark, text);
}

function kindsIn(report, events) {
  const rounds = report.variants.flatMap((variant) => variant.rounds);
  return [...new Set(rounds.flatMap((round) => round[events].map((event) => event.kind)))];
}

function stateMark(style) {
  const paint = style.solid ? 'fill="var(--muted)"' : 'stroke="var(--muted)" stroke-width="1.2"';
  return svg(12, 12, `<path d="${markPath(style.mark, 6, 6, 9)}" ${paint}/>`);
}

// Only what the charts really show is explained.
function legend(report) {
  const causes = report.failureNames.map((name, i) => [Math.min(i, 5), name]);
  return el(
    "ul",
    { class: "legend", "aria-label": "What the charts show" },
    LINES.map((line) => legendItem(lineSwatch(line.key, line.width, line.dash), line.long)),
    report.drawnTimeout
      ? legendItem(lineSwatch("timeout", 1.5, [6, 3]), `the gateway's response timeout, ${duration(report.timeout)}`)
      : null,
    causes.map(([i, name]) => legendItem(swatch(`cause${i}`, CAUSE_PATTERNS[i]), `failed: ${name}`)),
    kindsIn(report, "pauses").map((kind) => {
      const style = pauseStyle(kind);
      return legendItem(swatch(style.colour, style.pattern, 0.3), style.text);
    }),
    kindsIn(report, "states").map((kind) => legendItem(stateMark(stateStyle(kind)), stateStyle(kind).text)),
  );
}

function roundNumbers(report) {
  const numbers = report.variants.flatMap((variant) => variant.rounds.map((round) => round.number));
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function roundSelector(numbers, onSelect) {
  if (numbers.length < 2) return null;
  const option = (number, i) =>
    el(
      "label",
      {},
      el("input", {
        type: "radio",
        name: "round",
        value: number,
        checked: i === 0,
        onchange: () => onSelect(number),
      }),
      el("span", {}, String(number + 1)),
    );
  return el("fieldset", { class: "segmented" }, el("legend", {}, "Round"), numbers.map(option));
}

function summaryOf(variant) {
  const { table } = variant;
  if (!table.requests) return "nothing measured";
  return `p50 ${ms(table.p50_ms)} · p99 ${isBound(table, "p99_ms") ? "\u2265\u202f" : ""}${ms(table.p99_ms)} · ${percent(table.failure_rate)} failed`;
}

function describe(variant, round) {
  if (!round) return `${variant.label}: nothing recorded in this round.`;
  const failed = Object.values(round.failures).flat().reduce((sum, n) => sum + n, 0);
  return `${variant.label} over time. Whole run: ${summaryOf(variant)}. This round: ${count(failed)} failed requests, ${count(round.pauses.length)} pauses. Arrow keys move the cursor, Escape shows the whole time again.`;
}

function showReadout(node, variant, found) {
  node.replaceChildren(
    ...(found
      ? [
          el("span", { class: "at" }, found.at),
          ...found.values.map((text) => el("span", {}, text)),
          ...found.events.map((text) => el("span", { class: "event" }, text)),
        ]
      : [el("span", {}, summaryOf(variant))]),
  );
}

// The keyboard does what the mouse does: arrows move the cursor of all charts, Escape shows all.
function moveByKey(event, chart, group) {
  const { plot } = chart;
  if (event.key === "Escape") return group.show(group.frame.x);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || !plot.data[0].length) return;
  event.preventDefault();
  const last = plot.data[0].length - 1;
  const index = Math.min(last, Math.max(0, (plot.cursor.idx ?? -1) + step));
  const left = plot.valToPos(plot.data[0][index], "x");
  plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true);
}

function panel(variant, group) {
  const host = el("div", { class: "chart", tabindex: "0", role: "img" });
  const values = el("p", { class: "readout" });
  const title = el("h3", {}, variantName(variant));
  const node = el("article", { class: "panel" }, el("header", {}, title, el("div", {}, values)), host);
  let round;
  let chart;
  return {
    node,
    draw() {
      chart = timeChart(host, group, (index) =>
        showReadout(values, variant, readout(round, index, group.report.bucket)),
      );
      host.addEventListener("keydown", (event) => moveByKey(event, chart, group));
      host.addEventListener("focus", () => values.setAttribute("aria-live", "polite"));
      host.addEventListener("blur", () => values.removeAttribute("aria-live"));
    },
    setRound(number) {
      round = variant.rounds.find((candidate) => candidate.number === number);
      host.setAttribute("aria-label", describe(variant, round));
      chart.setRound(round);
      showReadout(values, variant, null);
    },
    rescale: () => chart.rescale(),
    redraw: () => chart.redraw(),
    resize: () => chart.resize(),
  };
}

function makeGroup(report, panels, onZoom) {
  const frame = sharedFrame(report);
  const group = {
    key: uPlot.sync("time").key,
    report,
    frame,
    shown: frame.x,
    height: chartHeight(report.variants.length),
    show([from, to]) {
      group.shown = [Math.max(frame.x[0], from), Math.min(frame.x[1], to)];
      for (const each of panels) each.rescale();
      onZoom(group.shown[0] > frame.x[0] || group.shown[1] < frame.x[1]);
    },
  };
  return group;
}

export function timeline(report) {
  if (!report.variants.length) return null;
  const panels = [];
  const whole = el("button", { type: "button", hidden: true, onclick: () => group.show(group.frame.x) }, "Show the whole time");
  const group = makeGroup(report, panels, (zoomed) => {
    whole.hidden = !zoomed;
  });
  panels.push(...report.variants.map((variant) => panel(variant, group)));
  const numbers = roundNumbers(report);
  const select = (number) => panels.forEach((each) => each.setRound(number));
  const node = section(
    "time",
    "Latency and failures over time",
    el(
      "div",
      { class: "controls" },
      roundSelector(numbers, select),
      el(
        "p",
        { class: "hint" },
        "Seconds since the measured load began; all charts share their scales. Drag to zoom in, double-click to zoom out.",
      ),
      whole,
    ),
    legend(report),
    el(
      "div",
      { class: panels.length > MOST_ROWS ? "panels pairs" : "panels" },
      panels.map((each) => each.node),
    ),
  );
  return {
    node,
    draw() {
      panels.forEach((each) => each.draw());
      select(numbers[0] ?? 0);
      onThemeChange(() => panels.forEach((each) => each.redraw()));
    },
    resize: () => panels.forEach((each) => each.resize()),
  };
}
