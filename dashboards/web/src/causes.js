// SPDX-License-Identifier: MIT
// Why requests failed, how often, and what helps.

import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";
import { CAUSE_PATTERNS, swatch } from "./patterns.js";
import { variantName } from "./variants.js";

// More variants than this do not get a column each; the failing ones are listed in one.
const MOST_COLUMNS = 4;

function nameOf(report, cause) {
  const i = Math.min(report.failureNames.indexOf(cause.name), 5);
  const mark = i < 0 ? null : swatch(`cause${i}`, CAUSE_PATTERNS[i]);
  return el("span", { class: "variant" }, mark, el("code", {}, cause.name));
}

function explained(report, cause) {
  return el(
    "th",
    { scope: "row", class: "explained" },
    nameOf(report, cause),
    cause.meaning ? el("p", {}, cause.meaning) : null,
    cause.advice ? el("p", {}, el("b", {}, "What helps: "), cause.advice) : null,
  );
}

function columns(report) {
  return {
    headings: report.variants.map(variantName),
    cells: (cause) =>
      report.variants.map((variant) => {
        const n = cause.counts[variant.label] ?? 0;
        return el("td", { class: n ? null : "zero" }, count(n));
      }),
  };
}

function oneColumn(report) {
  const failing = (cause) =>
    report.variants
      .map((variant) => [variant, cause.counts[variant.label] ?? 0])
      .filter(([, n]) => n > 0)
      .sort((a, b) => b[1] - a[1])
      .map(([variant, n]) => el("li", {}, variantName(variant), el("span", {}, count(n))));
  return {
    headings: ["failed requests"],
    cells: (cause) => [el("td", {}, el("ul", { class: "ranking" }, failing(cause)))],
  };
}

export function causes(report) {
  if (!report.variants.length) return null;
  if (!report.causes.length) {
    const failed = report.variants.some((variant) => variant.table.gateway_failures > 0);
    const text = failed ? "The causes of the failures were not recorded." : "No request failed, so there is no cause to name.";
    return section("causes", "Causes", el("p", {}, text));
  }
  const { headings, cells } = report.variants.length > MOST_COLUMNS ? oneColumn(report) : columns(report);
  const rows = report.causes.map((cause) => el("tr", {}, explained(report, cause), cells(cause)));
  const table = el(
    "table",
    { class: "causes" },
    el(
      "thead",
      {},
      el("tr", {}, ["cause", ...headings].map((text) => el("th", { scope: "col" }, text))),
    ),
    el("tbody", {}, rows),
  );
  return section("causes", "Causes", scrollBox("Failures by cause", table));
}
