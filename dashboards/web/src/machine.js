// SPDX-License-Identifier: MIT
// How far the figures can be trusted: the machine they come from, and the configuration they are of.

import { el, section } from "./dom.js";
import { count, ms, percent } from "./format.js";

// One row per fact about the machine.
const FACTS = [
  ["cores", "cores", count],
  ["busy_share", "cores busy", percent],
  ["load_lag_p99_ms", "load generator late, p99", ms],
  ["load_lag_max_ms", "load generator late, at most", ms],
  ["records_dropped", "records dropped", count],
];

export function machine(report) {
  const facts = FACTS.filter(([key]) => report.machine[key] !== undefined && report.machine[key] !== null);
  const notes = Array.isArray(report.machine.notes) ? report.machine.notes : [];
  if (!facts.length && !notes.length) return null;
  return section(
    "machine",
    "The machine",
    el(
      "dl",
      { class: "facts" },
      facts.map(([key, title, show]) => el("div", {}, el("dt", {}, title), el("dd", {}, show(report.machine[key])))),
    ),
    notes.length ? el("ul", { class: "notes" }, notes.map((note) => el("li", {}, note))) : null,
  );
}

function valuesOf(variant) {
  const values = Object.entries(variant.values).map(([pointer, value]) => `${pointer} = ${JSON.stringify(value)}`);
  return values.length ? el("li", {}, `${variant.label}: `, el("code", {}, values.join(", "))) : null;
}

export function configuration(report) {
  const values = report.variants.map(valuesOf).filter(Boolean);
  if (!report.config && !values.length) return null;
  return section(
    "configuration",
    "Configuration",
    values.length ? el("ul", { class: "notes" }, values) : null,
    report.config
      ? el("details", {}, el("summary", {}, "The experiment, as it was run"), el("pre", { tabindex: "0" }, report.config))
      : null,
  );
}
