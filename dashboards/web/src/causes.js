// SPDX-License-Identifier: MIT
// Why requests failed, how often, and what helps.

import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";
import { CAUSE_PATTERNS, swatch } from "./patterns.js";
import { variantName } from "./variants.js";

function nameOf(report, cause) {
  const i = Math.min(report.failureNames.indexOf(cause.name), 5);
  const mark = i < 0 ? null : swatch(`cause${i}`, CAUSE_PATTERNS[i]);
  return el("th", { scope: "row" }, el("span", { class: "variant" }, mark, el("code", {}, cause.name)));
}

function rowOf(report, cause) {
  return el(
    "tr",
    {},
    nameOf(report, cause),
    report.variants.map((variant) => {
      const n = cause.counts[variant.label] ?? 0;
      return el("td", { class: n ? null : "zero" }, count(n));
    }),
    el("td", { class: "prose" }, cause.meaning ?? ""),
    el("td", { class: "prose" }, cause.advice ?? ""),
  );
}

export function causes(report) {
  if (!report.variants.length) return null;
  if (!report.causes.length)
    return section("causes", "Causes", el("p", {}, "No request failed, so there is no cause to name."));
  const heading = (text, prose) => el("th", { scope: "col", class: prose ? "prose" : null }, text);
  const table = el(
    "table",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        heading("cause"),
        report.variants.map((variant) => heading(variantName(variant))),
        heading("what happened", true),
        heading("what helps", true),
      ),
    ),
    el("tbody", {}, report.causes.map((cause) => rowOf(report, cause))),
  );
  return section("causes", "Causes", scrollBox("Failures by cause", table));
}
