// SPDX-License-Identifier: MIT
// What the time chart draws besides its lines: pauses, failures, the timeout and marks. Each painter
// works in canvas pixels on a chart `u` and a round.

import uPlot from "uplot";
import { duration } from "./format.js";
import { canvasFill, CAUSE_PATTERNS } from "./patterns.js";
import { colour } from "./theme.js";
import { pauseStyle, stateStyle } from "./words.js";

// How wide the axis of failures is, with its name, in pixels of the page.
export const FAILURE_AXIS = 54;

export function clipped(u, paint) {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  paint(u.ctx);
  u.ctx.restore();
}

export function font(size, weight = "") {
  const px = Math.round(size * uPlot.pxRatio);
  return `${weight} ${px}px ${getComputedStyle(document.body).fontFamily}`.trim();
}

// A band keeps at least a pixel and a half, so that a short pause can still be seen.
function span(u, from, to) {
  const x0 = u.valToPos(from, "x", true);
  const x1 = u.valToPos(to, "x", true);
  const least = 1.5 * uPlot.pxRatio;
  return [x0, Math.max(x1 - x0, least)];
}

export function paintPauses(u, round) {
  const { top, height } = u.bbox;
  const cap = 3 * uPlot.pxRatio;
  const [from, to] = [u.scales.x.min, u.scales.x.max];
  clipped(u, (ctx) => {
    for (const kind of new Set(round.pauses.map((pause) => pause.kind))) {
      const style = pauseStyle(kind);
      const fill = canvasFill(ctx, colour(style.colour), style.pattern, uPlot.pxRatio, 0.3);
      for (const pause of round.pauses) {
        if (pause.kind !== kind || pause.to < from || pause.from > to) continue;
        const [x, width] = span(u, pause.from, pause.to);
        ctx.globalAlpha = style.pattern === "solid" ? 0.26 : 0.55;
        ctx.fillStyle = fill;
        ctx.fillRect(x, top, width, height);
        ctx.globalAlpha = 1;
        ctx.fillStyle = colour(style.colour);
        ctx.fillRect(x, top, width, cap);
      }
    }
  });
}

// Failures stack from the bottom, the most frequent cause lowest.
export function paintFailures(u, round, names, bucket) {
  const ratio = uPlot.pxRatio;
  clipped(u, (ctx) => {
    const fills = names.map((_, i) =>
      canvasFill(ctx, colour(`cause${Math.min(i, 5)}`), CAUSE_PATTERNS[Math.min(i, 5)], ratio),
    );
    round.t.forEach((t, i) => {
      const x0 = u.valToPos(t, "x", true);
      const x1 = u.valToPos(t + bucket, "x", true);
      const gap = Math.min(ratio, (x1 - x0) * 0.15);
      let below = 0;
      names.forEach((name, which) => {
        const n = round.failures[name]?.[i] ?? 0;
        if (!n) return;
        const bottom = u.valToPos(below, "failures", true);
        const top = u.valToPos(below + n, "failures", true);
        ctx.fillStyle = fills[which];
        ctx.fillRect(x0 + gap / 2, top, Math.max(x1 - x0 - gap, ratio), Math.max(bottom - top, ratio));
        below += n;
      });
    });
  });
}

// The line between the latencies and the failures below them.
export function paintLane(u, frame) {
  if (!frame.lane) return;
  const y = Math.round(u.valToPos(frame.latency[0], "y", true)) + 0.5;
  const { left, width } = u.bbox;
  u.ctx.save();
  u.ctx.strokeStyle = colour("rule");
  u.ctx.lineWidth = uPlot.pxRatio;
  u.ctx.beginPath();
  u.ctx.moveTo(left, y);
  u.ctx.lineTo(left + width, y);
  u.ctx.stroke();
  u.ctx.restore();
}

// On a ground of its own, so that no band or grid runs through the letters; what it lies over shines through.
function textOnGround(ctx, text, x, y, ink) {
  const size = ctx.measureText(text);
  const pad = 3 * uPlot.pxRatio;
  ctx.fillStyle = colour("page");
  ctx.globalAlpha = 0.82;
  ctx.fillRect(
    x - pad,
    y - size.actualBoundingBoxAscent - pad,
    size.width + 2 * pad,
    size.actualBoundingBoxAscent + size.actualBoundingBoxDescent + 2 * pad,
  );
  ctx.globalAlpha = 1;
  ctx.fillStyle = ink;
  ctx.fillText(text, x, y);
}

// The gateway's patience: a dashed line with its name on it.
export function paintTimeout(u, timeout) {
  if (!timeout) return;
  const ratio = uPlot.pxRatio;
  const { left, width, top } = u.bbox;
  const y = u.valToPos(timeout, "y", true);
  if (y < top) return;
  u.ctx.save();
  u.ctx.strokeStyle = colour("timeout");
  u.ctx.lineWidth = 1.25 * ratio;
  u.ctx.setLineDash([7 * ratio, 4 * ratio]);
  u.ctx.beginPath();
  u.ctx.moveTo(left, y);
  u.ctx.lineTo(left + width, y);
  u.ctx.stroke();
  u.ctx.setLineDash([]);
  u.ctx.font = font(11, "600");
  u.ctx.textAlign = "left";
  u.ctx.textBaseline = "bottom";
  const text = `response timeout ${duration(timeout)}`;
  textOnGround(u.ctx, text, left + 6 * ratio, y - 5 * ratio, colour("timeout"));
  u.ctx.restore();
}

// Outlines within a square of side 1 around the origin.
const MARKS = {
  down: [[-0.5, -0.4], [0.5, -0.4], [0, 0.5]],
  up: [[-0.5, 0.4], [0.5, 0.4], [0, -0.5]],
  square: [[-0.4, -0.4], [0.4, -0.4], [0.4, 0.4], [-0.4, 0.4]],
  diamond: [[0, -0.55], [0.5, 0], [0, 0.55], [-0.5, 0]],
  circle: Array.from({ length: 12 }, (_, i) => [Math.cos(i / 1.91) / 2.2, Math.sin(i / 1.91) / 2.2]),
};

export function markPath(shape, x, y, size) {
  const points = MARKS[shape].map(([dx, dy]) => `${x + dx * size} ${y + dy * size}`);
  return `M${points.join("L")}Z`;
}

// Marks stand in the strip above the plot; of several of a kind within a few pixels, one is drawn.
export function paintStates(u, round) {
  const ratio = uPlot.pxRatio;
  const { left, top, width } = u.bbox;
  const last = new Map();
  u.ctx.save();
  u.ctx.fillStyle = u.ctx.strokeStyle = colour("muted");
  u.ctx.lineWidth = 1.2 * ratio;
  for (const state of round.states) {
    const style = stateStyle(state.kind);
    const x = u.valToPos(state.at, "x", true);
    if (x < left || x > left + width || x - (last.get(state.kind) ?? -Infinity) < 6 * ratio) continue;
    last.set(state.kind, x);
    const path = new Path2D(markPath(style.mark, x, top - 8 * ratio, 8 * ratio));
    if (style.solid) u.ctx.fill(path);
    else u.ctx.stroke(path);
  }
  u.ctx.restore();
}

// Stands upright at the right edge, beside the lane that the axis belongs to.
export function paintFailureAxis(u, frame) {
  if (!frame.lane) return;
  const ratio = uPlot.pxRatio;
  const { left, top, width, height } = u.bbox;
  const lane = u.valToPos(frame.latency[0], "y", true);
  u.ctx.save();
  u.ctx.font = font(11);
  u.ctx.textAlign = "center";
  u.ctx.textBaseline = "middle";
  u.ctx.fillStyle = colour("muted");
  u.ctx.translate(left + width + (FAILURE_AXIS - 7) * ratio, (lane + top + height) / 2);
  u.ctx.rotate(-Math.PI / 2);
  u.ctx.fillText("failed", 0, 0);
  u.ctx.restore();
}

// What the lane of failures counts, and an honest word where there is nothing to show.
export function paintCaptions(u, frame, round, report) {
  const ratio = uPlot.pxRatio;
  const { left, top, width, height } = u.bbox;
  const ctx = u.ctx;
  ctx.save();
  ctx.font = font(11);
  ctx.textAlign = "left";
  if (frame.lane && round.t.length) {
    const failed = Object.values(round.failures).some((counts) => counts.some((n) => n > 0));
    const text = failed ? `failed requests per ${report.bucket} s` : "no failed requests";
    const y = u.valToPos(frame.latency[0], "y", true) + 5 * ratio;
    ctx.textBaseline = failed ? "top" : "middle";
    textOnGround(ctx, text, left + 6 * ratio, failed ? y : (y + top + height) / 2, colour("muted"));
  }
  if (!round.t.length) {
    ctx.textAlign = "center";
    ctx.fillStyle = colour("muted");
    ctx.fillText("nothing was recorded here", left + width / 2, top + height / 2);
  }
  ctx.restore();
}
