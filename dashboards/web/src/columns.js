// SPDX-License-Identifier: MIT
// What a row of a table says of each variant.

import { el } from "./dom.js";
import { variantName } from "./variants.js";

// More variants than this do not get a column each; those that a row concerns are listed in one.
const MOST_COLUMNS = 4;

// valueOf(row, variant) is null or 0 where there is nothing to say; show(value) is what stands there; in a
// list, those of most weight come first.
export function perVariant(report, { heading, valueOf, show, weight = () => 0 }) {
  if (report.variants.length <= MOST_COLUMNS)
    return {
      headings: report.variants.map(variantName),
      cells: (row) =>
        report.variants.map((variant) => {
          const value = valueOf(row, variant);
          return el("td", { class: value ? null : "zero" }, show(value));
        }),
    };
  const list = (row) =>
    report.variants
      .map((variant) => [variant, valueOf(row, variant)])
      .filter(([, value]) => value)
      .sort((a, b) => weight(b[1]) - weight(a[1]))
      .map(([variant, value]) => el("li", {}, variantName(variant), show(value)));
  return { headings: [heading], cells: (row) => [el("td", {}, el("ul", { class: "ranking" }, list(row)))] };
}

// A table with a row each for what has an explanation in its first column.
export function explainingTable(first, rows, explained, { headings, cells }) {
  return el(
    "table",
    { class: "causes" },
    el(
      "thead",
      {},
      el("tr", {}, [first, ...headings].map((text) => el("th", { scope: "col" }, text))),
    ),
    el(
      "tbody",
      {},
      rows.map((row) => el("tr", {}, explained(row), cells(row))),
    ),
  );
}
