// SPDX-License-Identifier: MIT
// Fills for canvas and page that differ in pattern as well as in colour.

const TILE = 6;

// Line segments within a tile.
const STROKES = {
  solid: [],
  rising: [[0, 6, 6, 0], [-2, 2, 2, -2], [4, 8, 8, 4]],
  falling: [[0, 0, 6, 6], [-2, 4, 2, 8], [4, -2, 8, 2]],
  level: [[0, 1.5, 6, 1.5], [0, 4.5, 6, 4.5]],
  upright: [[1.5, 0, 1.5, 6], [4.5, 0, 4.5, 6]],
};

export const CAUSE_PATTERNS = ["solid", "rising", "level", "falling", "upright", "solid"];

function tile(colour, strokes, ratio, ground) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(TILE * ratio);
  const ctx = canvas.getContext("2d");
  ctx.scale(canvas.width / TILE, canvas.width / TILE);
  ctx.fillStyle = ctx.strokeStyle = colour;
  ctx.globalAlpha = ground;
  ctx.fillRect(0, 0, TILE, TILE);
  ctx.globalAlpha = 1;
  ctx.lineWidth = 1.2;
  ctx.beginPath();
  for (const [x0, y0, x1, y1] of strokes) {
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
  }
  ctx.stroke();
  return canvas;
}

// What to set as fillStyle; `ground` is how strongly the colour fills between the strokes.
export function canvasFill(ctx, colour, pattern, ratio, ground = 0.4) {
  const strokes = STROKES[pattern];
  if (!strokes.length) return colour;
  return ctx.createPattern(tile(colour, strokes, ratio, ground), "repeat");
}

// The same for a legend's swatch: an SVG whose strokes match the tile.
export function swatch(colourVariable, pattern, ground = 0.4) {
  const strokes = STROKES[pattern]
    .flatMap(([x0, y0, x1, y1]) => [0, 6, 12].map((dx) => [x0 + dx, y0, x1 + dx, y1]))
    .map(([x0, y0, x1, y1]) => `M${x0 + 1} ${y0 * 1.6 + 1}L${x1 + 1} ${y1 * 1.6 + 1}`)
    .join("");
  const opacity = pattern === "solid" ? 1 : ground;
  return svg(
    18,
    12,
    `<rect x="1" y="1" width="16" height="10" fill="var(--${colourVariable})" fill-opacity="${opacity}"/>` +
      `<path d="${strokes}" stroke="var(--${colourVariable})" stroke-width="1.2" clip-path="inset(0)"/>`,
  );
}

export function lineSwatch(colourVariable, width, dash = []) {
  return svg(
    24,
    12,
    `<path d="M1 6H23" stroke="var(--${colourVariable})" stroke-width="${width}" stroke-dasharray="${dash.join(" ")}"/>`,
  );
}

// Our own markup only: nothing from the data goes in here.
export function svg(width, height, content) {
  const holder = document.createElement("span");
  holder.className = "swatch";
  holder.innerHTML = `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true" fill="none">${content}</svg>`;
  return holder;
}
