// SPDX-License-Identifier: MIT
// What was asked of the run, the answer or why there is none, and a map of what it rests on: cells that
// are the darker the larger a share of requests was lost, with the figure in each that has room for it.

import { el, scrollBox, section } from "./dom.js";
import { count, isNumber, ms, percent, seconds } from "./format.js";

const share = (part, whole) => (whole > 0 ? part / whole : null);

// A cell of a map: `lost` is a share of 1, or null where nothing is known; `tint` a colour of the theme.
function heat(lost, text, title, tint = "bad") {
  const strength = isNumber(lost) ? Math.round(Math.sqrt(Math.min(Math.max(lost, 0), 1)) * 85) : 0;
  const style = isNumber(lost)
    ? `background:color-mix(in srgb,var(--${tint}) ${strength}%,var(--raised));color:${strength > 55 ? "var(--page)" : "var(--ink)"}`
    : null;
  return el("td", { class: "heat", style, title }, text);
}

// `kind` says how wide the columns are: "even", for texts, or "fine", for many figures along an axis.
function map(label, corner, columns, rows, kind) {
  const head = [corner, ...columns].map((text) => el("th", { scope: "col" }, text));
  const body = rows.map(({ name, cells }) => el("tr", {}, el("th", { scope: "row" }, name), cells));
  return scrollBox(label, el("table", { class: `map ${kind}` }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}

// The cause that most failures of a cell have.
function mostly(causes) {
  const [first] = Object.entries(causes ?? {}).sort((a, b) => b[1] - a[1]);
  return first ? first[0] : "";
}

// Each outcome has a colour of its own, the same as in the other charts where there is one.
function pauseMaps(data, report) {
  const tintOf = (cause) => `cause${Math.min(Math.max(report.failureNames.indexOf(cause), 0), 5)}`;
  const cells = data.cells ?? [];
  const distinct = (key) => [...new Set(cells.map((cell) => cell[key]))];
  return distinct("health").map((health) => {
    const cellOf = (timeout, pause) => {
      const cell = cells.find((one) => one.health === health && one.timeout === timeout && one.pause === pause);
      if (!cell || !isNumber(cell.lost)) return heat(null, "\u2013");
      const cause = cell.lost > 0 ? mostly(cell.causes) : "";
      return heat(cell.lost, `${percent(cell.lost)} ${cause}`.trim(), null, tintOf(cause));
    };
    const pauses = distinct("pause");
    const rows = distinct("timeout").map((timeout) => ({ name: `timeout ${timeout}`, cells: pauses.map((pause) => cellOf(timeout, pause)) }));
    return [el("h3", {}, `health: ${health}`), map(`Requests lost, health ${health}`, "", pauses.map((pause) => `pause ${pause}`), rows, "even")];
  });
}

function raceMap(data) {
  const classes = data.classes ?? [];
  if (!classes.length) return null;
  const step = Math.ceil(classes.length / 8);
  const columns = classes.map(([from], i) => (i % step ? "" : ms(from)));
  const bar = ([from, to, reuses, lost]) =>
    heat(share(lost, reuses), lost ? count(lost) : "", `idle for ${ms(from)} to ${ms(to)}: ${count(lost)} of ${count(reuses)} uses lost`);
  return map("Uses of pooled connections that were lost, by idle time", "idle for", columns, [
    { name: "lost", cells: classes.map(bar) },
    { name: "uses", cells: classes.map(([, , reuses]) => el("td", { class: "heat" }, count(reuses))) },
  ], "fine");
}

function goodputMap(data) {
  const variants = (data.variants ?? []).filter((variant) => variant.rounds?.[0]?.slots?.length);
  if (!variants.length) return null;
  const { slot_s: width, rounds } = variants[0];
  const step = Math.ceil(rounds[0].slots.length / 8);
  const columns = rounds[0].slots.map((_, i) => (i % step ? "" : seconds(Number((i * width).toFixed(2)))));
  const cellOf = ([requests, good], i) =>
    heat(requests ? 1 - good / requests : null, "", `from ${seconds(i * width)}: ${count(good)} of ${count(requests)} requests succeed`);
  return map("Requests that did not succeed, by the time they were due", "budget", columns, variants.map((variant) => ({ name: variant.budget, cells: variant.rounds[0].slots.map(cellOf) })), "fine");
}

// Which map stands over the table, by the investigation's name.
const MAPS = {
  pause_map: (data, report) => pauseMaps(data, report).flat(),
  keepalive_race: (data) => [raceMap(data)],
  metastability: (data) => [goodputMap(data)],
};

function figures(table) {
  const { columns = [], rows = [] } = table ?? {};
  return scrollBox(
    "The figures",
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, columns.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((text, i) => el(i ? "td" : "th", i ? {} : { scope: "row" }, text))))),
    ),
  );
}

export function investigation(report) {
  const { finding } = report;
  if (!finding) return null;
  const draw = MAPS[finding.name];
  return section(
    "investigation",
    finding.question,
    el("p", {}, finding.answer ?? `No answer: ${finding.withheld}.`),
    draw ? draw(finding.data ?? {}, report) : null,
    // What the map has already shown cell by cell is not said again.
    finding.name === "pause_map" ? null : figures(finding.table),
    (finding.notes ?? []).map((text) => el("p", { class: "hint" }, text)),
  );
}
