// SPDX-License-Identifier: MIT
// What the experiment demanded, and what each variant gave.

import { el, scrollBox, section } from "./dom.js";
import { figure, isNumber, ms, percent } from "./format.js";
import { variantName } from "./variants.js";

// A value is written in the unit of the demand: a share of 1, milliseconds, or a plain number; where there is
// none, it is said why, and where it is a lower bound, that it is one.
function measured({ text, value, shown, withheld }) {
  if (!isNumber(value) || withheld || shown?.includes(">=")) return shown;
  if (/%\s*$/.test(text)) return percent(value);
  if (/\d\s*(ns|us|ms|s|m|h)\s*$/.test(text)) return ms(value);
  return figure(value);
}

function cell(expectation) {
  if (!expectation) return el("td", {});
  const { holds, withheld } = expectation;
  const said = holds ? "\u2713 holds" : withheld ? "? withheld" : "\u2717 falls short";
  return el(
    "td",
    {},
    measured(expectation),
    el("span", { class: `outcome ${holds ? "holds" : "falls"}` }, said),
  );
}

function title(report, label) {
  const variant = report.variants.find((candidate) => candidate.label === label);
  return variant ? variantName(variant) : String(label ?? "all");
}

export function expectations(report) {
  const { expect } = report;
  if (!expect.length) return null;
  const texts = [...new Set(expect.map((expectation) => expectation.text))];
  const labels = [...new Set(expect.map((expectation) => expectation.variant))];
  const find = (label, text) => expect.find((each) => each.variant === label && each.text === text);
  const row = (text) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("code", {}, text ?? "")),
      labels.map((label) => cell(find(label, text))),
    );
  const table = el(
    "table",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("th", { scope: "col" }, "expectation"),
        labels.map((label) => el("th", { scope: "col" }, title(report, label))),
      ),
    ),
    el("tbody", {}, texts.map(row)),
  );
  return section("expectations", "Expectations", scrollBox("Expectations by variant", table));
}
