// SPDX-License-Identifier: MIT
// What others claim, what was measured of it, and whether it holds.

import { el, scrollBox, section } from "./dom.js";

const COLUMNS = ["claim", "claimed", "measured", "in all rounds", "holds?"];

// What stands in the three cells about the measurement: nothing is shown that was withheld.
export function cellsOf(claim) {
  const withheld = claim.verdict === "withheld";
  return {
    measured: withheld ? `withheld: ${claim.reason}` : claim.shown,
    range: withheld ? "" : claim.range || claim.reason,
    verdict: withheld ? "" : claim.verdict + (claim.over ?? ""),
  };
}

function outcome(verdict) {
  if (!verdict) return null;
  const [said] = verdict.match(/^(holds|does not hold)/) ?? [];
  const kind = said === "holds" ? "holds" : "falls";
  const mark = { holds: "\u2713 ", "does not hold": "\u2717 " }[said] ?? "";
  return el("span", { class: `outcome ${kind}` }, `${mark}${verdict}`);
}

function row(claim) {
  const { measured, range, verdict } = cellsOf(claim);
  return el(
    "tr",
    {},
    el(
      "th",
      { scope: "row", class: "explained" },
      claim.section ? `\u00a7\u00a0${claim.section}  ${claim.text}` : claim.text,
      el("p", {}, el("code", {}, claim.measure)),
      claim.note ? el("p", {}, claim.note) : null,
    ),
    [claim.claimed, measured, range].map((text) => el("td", {}, text)),
    el("td", {}, outcome(verdict)),
  );
}

export function claims(report) {
  if (!report.claims.length) return null;
  const table = el(
    "table",
    { class: "causes claims" },
    el("thead", {}, el("tr", {}, COLUMNS.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, report.claims.map(row)),
  );
  return section("claims", "Claims, checked", scrollBox("Claims beside what was measured", table));
}
