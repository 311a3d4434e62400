// SPDX-License-Identifier: MIT
// The table of results, with the best and the worst of each column marked.

import { el, scrollBox, section } from "./dom.js";
import { count, figure, isBound, isNumber, percent } from "./format.js";
import { variantName } from "./variants.js";

// One row per column of the table; `better` says which way is good, where a way is good.
const COLUMNS = [
  { key: "requests", title: "requests", show: count },
  { key: "mean_ms", title: "mean", unit: "ms", show: figure, better: "low" },
  { key: "p50_ms", title: "p50", unit: "ms", show: figure, better: "low" },
  { key: "p99_ms", title: "p99", unit: "ms", show: figure, better: "low" },
  { key: "p999_ms", title: "p99.9", unit: "ms", show: figure, better: "low" },
  { key: "throughput_rps", title: "throughput", unit: "/s", show: figure, better: "high" },
  { key: "collections_per_s", title: "collections", unit: "/s", show: figure },
  { key: "s502", title: "502", show: count, better: "low" },
  { key: "s503", title: "503", show: count, better: "low" },
  { key: "s504", title: "504", show: count, better: "low" },
  { key: "failure_rate", title: "failure rate", show: percent, better: "low" },
  { key: "client_failure_rate", title: "no answer", show: percent, better: "low" },
];

// Differences below a twentieth are left unmarked: they are noise more often than not. So is what
// more than half of the variants share.
const WORTH_MARKING = 1.05;
const MOST_SHARING = 0.5;

// A variant that never ran, or whose gateway never did, has no figures.
const isMeasured = (variant) => variant.table.requests !== 0;

function cellsOf(variant, extremes) {
  if (!isMeasured(variant)) return el("td", { colspan: COLUMNS.length }, "not measured");
  return COLUMNS.map((column, i) => cell(column, variant, extremes[i]));
}

// The best and the worst, as far as they are known: what a lower bound stands for may be anything above it.
export function extremesOf(column, variants) {
  const tables = variants.filter(isMeasured).map((variant) => variant.table);
  const bounds = tables.filter((table) => isBound(table, column.key)).map((table) => table[column.key]);
  const values = tables.map((table) => table[column.key]).filter(isNumber);
  if (!column.better || values.length < 2) return {};
  const lo = Math.min(...values);
  const hi = Math.max(...values);
  if (hi <= lo * WORTH_MARKING) return {};
  const rare = (value) => (values.filter((other) => other === value).length <= values.length * MOST_SHARING ? value : undefined);
  const [best, worst] = column.better === "low" ? [lo, hi] : [hi, lo];
  if (bounds.length) return { best: bounds.includes(best) ? undefined : rare(best) };
  return { best: rare(best), worst: rare(worst) };
}

function cell(column, variant, { best, worst }) {
  const value = variant.table[column.key];
  const text = `${isBound(variant.table, column.key) ? "\u2265\u202f" : ""}${column.show(value)}`;
  if (!isNumber(value) || (value !== best && value !== worst)) return el("td", {}, text);
  const rank = value === best ? "best" : "worst";
  return el(
    "td",
    { class: rank },
    el("span", { class: "figure" }, text),
    el("span", { class: "unseen" }, ` (${rank})`),
  );
}

function heading(column) {
  const unit = column.unit ? el("span", { class: "unit" }, column.unit) : null;
  return el("th", { scope: "col" }, column.title, unit);
}

export function results(report) {
  const { variants } = report;
  if (!variants.length) return null;
  const extremes = COLUMNS.map((column) => extremesOf(column, variants));
  const row = (variant) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, variantName(variant)),
      cellsOf(variant, extremes),
    );
  const table = el(
    "table",
    { class: "figures" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "variant"), COLUMNS.map(heading))),
    el("tbody", {}, variants.map(row)),
  );
  const marked = extremes.some(({ best, worst }) => best !== undefined || worst !== undefined);
  return section(
    "results",
    "Results",
    scrollBox("Results by variant", table),
    el(
      "p",
      { class: "hint" },
      "Latency counts from the moment each request was due, and no failed request is left out of it.",
      variants.some((variant) => variant.table.at_least?.length)
        ? " With \u2265 it is a lower bound: so many requests were given up that it is among theirs."
        : "",
      marked ? " Bold marks the best of a column, a dotted line the worst." : "",
    ),
  );
}
