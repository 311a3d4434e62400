// SPDX-License-Identifier: MIT
// What is behind the failures and the slowest requests: each counts in one class.

import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";
import { variantName } from "./variants.js";

// Each class and name once, by how often it is behind a failure and then behind a slow request.
export function gather(report) {
  const found = new Map();
  for (const variant of report.variants)
    for (const part of ["failed", "slow"])
      for (const item of variant.blame[part]) {
        const key = JSON.stringify([item.class, item.name]);
        if (!found.has(key)) found.set(key, { class: item.class, name: item.name, example: "", failed: 0, slow: 0, in: new Map() });
        const row = found.get(key);
        row.example ||= item.example;
        row[part] += item.count;
        const counts = row.in.get(variant.index) ?? { failed: 0, slow: 0 };
        counts[part] += item.count;
        row.in.set(variant.index, counts);
      }
  return [...found.values()].sort((a, b) => b.failed - a.failed || b.slow - a.slow);
}

function explained(row) {
  return el(
    "th",
    { scope: "row", class: "explained" },
    el("code", {}, row.name ? `${row.class} ${row.name}` : String(row.class)),
    row.example ? el("p", {}, `as in: ${row.example}`) : null,
  );
}

function cells(report, row) {
  return report.variants.flatMap((variant) => {
    const counts = row.in.get(variant.index) ?? { failed: 0, slow: 0 };
    return ["failed", "slow"].map((part) => el("td", { class: counts[part] ? null : "zero" }, count(counts[part])));
  });
}

function headings(report) {
  const of = (variant, text) => (report.variants.length > 1 ? `${variantName(variant)}: ${text}` : text);
  return report.variants.flatMap((variant) => [of(variant, "failures"), of(variant, "slowest 1\u202f%")]);
}

function notes(report) {
  const texts = new Set(report.variants.flatMap((variant) => variant.blame.notes));
  return texts.size ? el("ul", {}, [...texts].map((text) => el("li", {}, String(text)))) : null;
}

export function blame(report) {
  const rows = gather(report);
  if (!rows.length) return null;
  const table = el(
    "table",
    { class: "causes" },
    el(
      "thead",
      {},
      el("tr", {}, ["what is behind it", ...headings(report)].map((text) => el("th", { scope: "col" }, text))),
    ),
    el(
      "tbody",
      {},
      rows.map((row) => el("tr", {}, explained(row), cells(report, row))),
    ),
  );
  return section("blame", "What is behind the failures", scrollBox("Failures and slow requests by what is behind them", table), notes(report));
}
