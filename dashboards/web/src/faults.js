// SPDX-License-Identifier: MIT
// Which faults were injected, into what, when, and how often they touched something.

import { explainingTable, perVariant } from "./columns.js";
import { el, scrollBox, section } from "./dom.js";
import { count, isNumber, ms, plural, seconds } from "./format.js";

function keyOf(fault) {
  return JSON.stringify([fault.name, fault.target, fault.by]);
}

// Each fault once, with what it did in each variant.
export function gather(report) {
  const found = new Map();
  for (const variant of report.variants)
    for (const fault of variant.faults) {
      const key = keyOf(fault);
      if (!found.has(key)) found.set(key, { ...fault, in: new Map() });
      found.get(key).in.set(variant.index, fault);
    }
  return [...found.values()];
}

function timesOf(fault) {
  const parts = [];
  if (isNumber(fault.first_s) && isNumber(fault.last_s))
    parts.push(`${seconds(Number(fault.first_s.toFixed(2)))} to ${seconds(Number(fault.last_s.toFixed(2)))}`);
  if (isNumber(fault.late_ms)) parts.push(`begun up to ${ms(fault.late_ms)} late`);
  if (fault.unended > 0) parts.push("did not come back");
  if (fault.missed > 0) parts.push(`${count(fault.missed)} missed`);
  return parts.join("; ");
}

function did(fault) {
  if (!fault) return el("span", {}, "\u2013");
  const times = timesOf(fault);
  return el("span", {}, plural(fault.touched ?? 0, String(fault.unit ?? "times").replace(/s$/, "")), times ? el("p", {}, times) : null);
}

function explained(fault) {
  return el(
    "th",
    { scope: "row", class: "explained" },
    el("code", {}, String(fault.name)),
    el("p", {}, `${fault.kind} on ${fault.target}${fault.by && fault.by !== fault.target ? `, by ${fault.by}` : ""}`),
  );
}

export function faults(report) {
  const rows = gather(report);
  if (!rows.length) return null;
  const columns = perVariant(report, {
    heading: "touched",
    valueOf: (fault, variant) => fault.in.get(variant.index),
    show: did,
  });
  const table = explainingTable("fault", rows, explained, columns);
  return section("faults", "Faults injected", scrollBox("Faults injected", table));
}
