// SPDX-License-Identifier: MIT
// Why requests failed, how often, and what helps.

import { explainingTable, perVariant } from "./columns.js";
import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";
import { CAUSE_PATTERNS, swatch } from "./patterns.js";

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

export function causes(report) {
  if (!report.variants.length) return null;
  if (!report.causes.length) {
    const failed = report.variants.some((variant) => variant.table.gateway_failures > 0);
    const text = failed ? "The causes of the failures were not recorded." : "No request failed, so there is no cause to name.";
    return section("causes", "Causes", el("p", {}, text));
  }
  const columns = perVariant(report, {
    heading: "failed requests",
    valueOf: (cause, variant) => cause.counts[variant.label] ?? 0,
    show: (n) => el("span", {}, count(n)),
    weight: (n) => n,
  });
  const table = explainingTable("cause", report.causes, (cause) => explained(report, cause), columns);
  return section("causes", "Causes", scrollBox("Failures by cause", table));
}
