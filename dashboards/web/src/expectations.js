// SPDX-License-Identifier: MIT
// What the experiment demanded, and whether it got it.

import { el, scrollBox, section } from "./dom.js";
import { figure, ms, percent } from "./format.js";

// A value is written in the unit of the demand: shares of 1, milliseconds, or a plain number.
function measured({ text, value }) {
  if (/%\s*$/.test(text)) return percent(value);
  if (/\d\s*(ns|us|ms|s|m|h)\s*$/.test(text)) return ms(value);
  return figure(value);
}

function rowOf(expectation) {
  const { holds } = expectation;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, el("code", {}, expectation.text ?? "")),
    el("td", { class: "prose" }, expectation.variant ?? ""),
    el("td", {}, measured(expectation)),
    el("td", { class: `prose ${holds ? "holds" : "falls"}` }, holds ? "\u2713 holds" : "\u2717 falls short"),
  );
}

export function expectations(report) {
  if (!report.expect.length) return null;
  const headings = [["expected", true], ["variant", true], ["measured", false], ["", true]];
  const table = el(
    "table",
    { class: "expectations" },
    el(
      "thead",
      {},
      el("tr", {}, headings.map(([text, prose]) => el("th", { scope: "col", class: prose ? "prose" : null }, text))),
    ),
    el("tbody", {}, report.expect.map(rowOf)),
  );
  return section("expectations", "Expectations", scrollBox("Expectations", table));
}
