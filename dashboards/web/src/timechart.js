// SPDX-License-Identifier: MIT
// One variant over time: latencies above, failures below, pauses behind both.

import uPlot from "uplot";
import { duration, figure } from "./format.js";
import { logTicks } from "./frame.js";
import * as painters from "./painters.js";
import { colour } from "./theme.js";

export const LINES = [
  { key: "p50", text: "p50", long: "half of the requests were faster (p50)", width: 1.75, dash: [] },
  { key: "p99", text: "p99", long: "99 % were faster (p99)", width: 2.25, dash: [] },
  { key: "max", text: "max", long: "the slowest request (max)", width: 1.25, dash: [2, 3] },
];

const EMPTY = { t: [], p50: [], p99: [], max: [], failures: {}, pauses: [], states: [] };

// Lines go through the middle of each bucket.
function dataOf(round, bucket) {
  return [round.t.map((t) => t + bucket / 2), ...LINES.map((line) => round[line.key])];
}

// A value between two gaps has no line; it gets a dot.
function lonely(u, seriesIndex) {
  const values = u.data[seriesIndex];
  const found = [];
  values.forEach((value, i) => {
    if (value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null) found.push(i);
  });
  return found;
}

function seriesOf(line) {
  return {
    label: line.text,
    scale: "y",
    stroke: () => colour(line.key),
    width: line.width,
    dash: line.dash.length ? line.dash : undefined,
    points: { show: false, size: 4, filter: lonely, fill: () => colour(line.key) },
  };
}

function countTicks(most) {
  return most < 2 ? [0, most] : [0, most / 2, most];
}

function axesOf(frame) {
  const common = {
    stroke: () => colour("muted"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    ticks: { show: false },
  };
  const grid = { stroke: () => colour("grid"), width: 1 };
  return [
    {
      ...common,
      grid,
      size: 22,
      gap: 4,
      space: 56,
      values: (u, splits) => splits.map((value) => `${Number(value.toFixed(4))} s`),
    },
    {
      ...common,
      grid,
      scale: "y",
      size: 58,
      gap: 6,
      splits: () => logTicks(frame.latency[0], frame.latency[1]),
      filter: (u, splits) => splits,
      values: (u, splits) => splits.map(duration),
    },
    {
      ...common,
      grid: { show: false },
      scale: "failures",
      side: 1,
      size: painters.FAILURE_AXIS,
      gap: 6,
      splits: () => countTicks(frame.most),
      values: (u, splits) => splits.map((n) => (Number.isInteger(n) ? figure(n) : "")),
      show: frame.lane > 0,
    },
  ];
}

// `group` is shared by all charts: frame, the x range now shown, the report, and what to call when
// the cursor moves or the reader selects a stretch of time.
export function timeChart(host, group, onCursor) {
  const { frame, report } = group;
  let round = EMPTY;
  const options = {
    width: Math.max(host.clientWidth, 240),
    height: group.height,
    padding: [16, frame.lane > 0 ? 0 : 12, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => group.shown },
      y: { distr: 3, log: 10, range: () => frame.y },
      failures: { range: () => frame.failures },
    },
    series: [{}, ...LINES.map(seriesOf)],
    bands: [{ series: [2, 1], fill: () => `${colour("p50")}22` }],
    axes: axesOf(frame),
    cursor: {
      y: false,
      points: { size: 7 },
      drag: { x: true, y: false, setScale: false },
      sync: {
        key: group.key,
        scales: ["x", null],
        setSeries: false,
        filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
      },
      bind: { dblclick: () => () => group.show(frame.x) },
    },
    hooks: {
      drawClear: [(u) => painters.paintPauses(u, round)],
      drawAxes: [
        (u) => painters.paintLane(u, frame),
        (u) => painters.paintFailures(u, round, report.failureNames, report.bucket),
      ],
      draw: [
        (u) => painters.paintTimeout(u, report.drawnTimeout),
        (u) => painters.paintStates(u, round),
        (u) => painters.paintFailureAxis(u, frame),
        (u) => painters.paintCaptions(u, frame, round, report),
      ],
      setCursor: [(u) => onCursor(u.cursor.left >= 0 ? u.cursor.idx : null)],
      setSelect: [
        (u) => {
          const { left, width } = u.select;
          if (width > 4) group.show([u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
    },
  };
  const plot = new uPlot(options, dataOf(EMPTY, report.bucket), host);
  const rescale = () => plot.setScale("x", { min: group.shown[0], max: group.shown[1] });
  return {
    plot,
    setRound(next) {
      round = next ?? EMPTY;
      plot.setData(dataOf(round, report.bucket), false);
      rescale();
    },
    rescale,
    redraw: () => plot.redraw(false, true),
    resize: () => plot.setSize({ width: Math.max(host.clientWidth, 240), height: group.height }),
  };
}
