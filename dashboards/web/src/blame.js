// SPDX-License-Identifier: MIT
// What is behind the failures, what clients alone saw, and the slowest requests: each counts in one class.

import { explainingTable, perVariant } from "./columns.js";
import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";

const PARTS = ["failed", "client", "slow"];
const KNOWN = ["would_succeed", "would_fail"];
const none = () => Object.fromEntries(PARTS.map((part) => [part, 0]));

// Each class and name once, by how often it is behind a failure, what a client alone saw, and a slow request.
export function gather(report) {
  const found = new Map();
  for (const variant of report.variants)
    for (const part of PARTS)
      for (const item of variant.blame[part]) {
        const key = JSON.stringify([item.class, item.name]);
        if (!found.has(key)) found.set(key, { class: item.class, name: item.name, example: "", would_succeed: 0, would_fail: 0, ...none(), in: new Map() });
        const row = found.get(key);
        row.example ||= item.example;
        row[part] += item.count;
        if (part === "failed") for (const key of KNOWN) row[key] += item[key] ?? 0;
        const counts = row.in.get(variant.index) ?? none();
        counts[part] += item.count;
        row.in.set(variant.index, counts);
      }
  return [...found.values()].sort((a, b) => b.failed - a.failed || b.client - a.client || b.slow - a.slow);
}

// Of how many failures it is known whether they would have been in time without what they are blamed on.
function counterfactual(row) {
  const unknown = row.failed - row.would_succeed - row.would_fail;
  if (!row.would_succeed && !row.would_fail) return null;
  const text = `Without it ${count(row.would_succeed)} would have been in time, ${count(row.would_fail)} not; of ${count(unknown)} it is not known.`;
  return el("p", {}, text);
}

function explained(row) {
  return el(
    "th",
    { scope: "row", class: "explained" },
    el("code", {}, row.name ? `${row.class} ${row.name}` : String(row.class)),
    row.example ? el("p", {}, `as in: ${row.example}`) : null,
    counterfactual(row),
  );
}

function behind(counts) {
  const failed = counts?.failed ?? 0;
  const more = (n, what) => (n ? el("p", {}, `${count(n)} ${what}`) : null);
  return el("span", {}, count(failed), more(counts?.client, "for clients alone"), more(counts?.slow, "of the slowest"));
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
  const about = el("p", {}, "Each failure, each request without a whole answer that is no failure of the gateway, and each of the slowest 1\u202f% of the answered ones counts in one row.");
  return section("blame", "What is behind the failures", about, scrollBox("Failures and slow requests by what is behind them", table), notes(report));
}
