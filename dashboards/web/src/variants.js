// SPDX-License-Identifier: MIT
// A variant looks the same wherever it appears: one colour, one dash, one swatch.

import { el } from "./dom.js";
import { lineSwatch } from "./patterns.js";

const DASHES = [[], [9, 4], [3, 3], [10, 3, 2, 3]];
const COLOURS = 8;

export function variantColour(variant) {
  return `variant${variant.index % COLOURS}`;
}

export function variantDash(variant) {
  return DASHES[(variant.index + Math.floor(variant.index / COLOURS)) % DASHES.length];
}

export function variantName(variant) {
  return el(
    "span",
    { class: "variant" },
    lineSwatch(variantColour(variant), 2.5, variantDash(variant)),
    variant.label,
  );
}
