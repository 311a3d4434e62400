// SPDX-License-Identifier: MIT
// What is behind the failures and the slowest requests: each counts in one class.

import { explainingTable, perVariant } from "./columns.js";
import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";

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

function behind(counts) {
  const failed = counts?.failed ?? 0;
  const slow = counts?.slow ? el("p", {}, `${count(counts.slow)} of the slowest`) : null;
  return el("span", {}, count(failed), slow);
}

function notes(report) {
  const texts = new Set(report.variants.flatMap((variant) => variant.blame.notes));
  return texts.size ? el("ul", {}, [...texts].map((text) => el("li", {}, String(text)))) : null;
}

export function blame(report) {
  const rows = gather(report);
  if (!rows.length) return null;
  const columns = perVariant(report, {
    heading: "failures",
    valueOf: (row, variant) => row.in.get(variant.index),
    show: behind,
    weight: (counts) => counts.failed,
  });
  const table = explainingTable("what is behind it", rows, explained, columns);
  const about = el("p", {}, "Each failure, and each of the slowest 1\u202f% of the answered requests, counts in one row.");
  return section("blame", "What is behind the failures", about, scrollBox("Failures and slow requests by what is behind them", table), notes(report));
}
