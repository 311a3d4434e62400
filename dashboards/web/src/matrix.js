// SPDX-License-Identifier: MIT
// What each gateway made of the same faults: a row for each way in which requests ended.

import { el, scrollBox, section } from "./dom.js";
import { count } from "./format.js";

const COLUMNS = ["gateway", "clients saw", "requests", "cause", "in its own words", "tried again", "no log line"];

const says = (failure) => (failure.unlogged === failure.count ? "(nothing)" : failure.says);

const cellsOfFailure = (gateway, failure) => [
  gateway.name,
  failure.seen,
  count(failure.count),
  failure.cause,
  says(failure),
  count(failure.triedAgain),
  count(failure.unlogged),
];

// Requests that a further try has saved, or that there was nothing to save, or no request.
function cellsOfRest(gateway) {
  const { name, saved } = gateway;
  if (saved > 0) return [[name, "answers", count(saved), "", "", count(saved), ""]];
  return gateway.failures.length ? [] : [[name, gateway.measured ? "only answers" : "not measured", "", "", "", "", ""]];
}

// The rows of one gateway, each a list of texts as COLUMNS has them.
export function rowsOf(gateway) {
  return [...gateway.failures.map((failure) => cellsOfFailure(gateway, failure)), ...cellsOfRest(gateway)];
}

function row(cells) {
  const [name, ...rest] = cells;
  return el("tr", {}, el("th", { scope: "row" }, name), rest.map((text) => el("td", {}, text)));
}

function rowsOfCase(gateways) {
  const title = gateways[0].case;
  const heading = title ? el("tr", {}, el("th", { colspan: COLUMNS.length, scope: "rowgroup" }, title)) : null;
  return el("tbody", {}, heading, gateways.flatMap(rowsOf).map(row));
}

// Lists of gateways that met the same, in the order of the report.
export function casesOf(gateways) {
  const cases = new Map();
  for (const gateway of gateways) cases.set(gateway.case, [...(cases.get(gateway.case) ?? []), gateway]);
  return [...cases.values()];
}

export function matrix(report) {
  const gateways = report.variants.map((variant) => variant.gateway).filter(Boolean);
  if (!gateways.length) return null;
  const table = el(
    "table",
    { class: "causes matrix" },
    el("thead", {}, el("tr", {}, COLUMNS.map((text) => el("th", { scope: "col" }, text)))),
    casesOf(gateways).map(rowsOfCase),
  );
  return section("matrix", "What each gateway made of it", scrollBox("Gateways under the same faults", table));
}
