// SPDX-License-Identifier: MIT
// What was asked of the run, the answer or why there is none, and a map of what it rests on: cells that
// are the darker the larger a share of requests was lost, with the figure in each that has room for it.

import { el, scrollBox, section } from "./dom.js";
import { count, isNumber, listing, ms, percent, seconds } from "./format.js";

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

// ---- metastability: requests that fail, by the moment they were due

const MOST_TICKS = 13;

// Of how many slots of `width` seconds one has its time below it: whole seconds, where slots end with them.
export function slotsPerTick(width, slots) {
  for (let step = 1; step <= width * slots; step += 1) {
    const each = Math.round(step / width);
    if (Math.abs(each * width - step) < 1e-6 && slots / each <= MOST_TICKS) return each;
  }
  return Math.max(Math.ceil(slots / 8), 1);
}

// When faults were on, over all variants, and their names; null where none was.
export function faultSpan(data, report) {
  const rounds = (data.variants ?? []).map((variant) => variant.rounds?.[0]).filter((round) => isNumber(round?.fault_from_s));
  if (!rounds.length) return null;
  const touching = report.variants.flatMap((variant) => variant.faults).filter((fault) => fault.touched > 0);
  return {
    from: Math.min(...rounds.map((round) => round.fault_from_s)),
    to: Math.max(...rounds.map((round) => round.fault_to_s)),
    text: listing([...new Set(touching.map((fault) => `${fault.kind} \u201c${fault.name}\u201d`))]) || "fault",
  };
}

// Lies over the cells, whose columns begin behind the one of names.
function faultBand(span, total) {
  if (!span) return null;
  const at = (time) => `(100% - var(--names)) * ${Math.min(time / total, 1).toFixed(5)}`;
  const style = `left:calc(var(--names) + ${at(span.from)});width:calc(${at(span.to - span.from)})`;
  const side = span.from > total / 2 ? "before" : "behind";
  return el("div", { class: "fault", style }, el("span", { class: side }, span.text));
}

function shades() {
  const cell = (lost) => el("table", {}, el("tbody", {}, el("tr", {}, heat(lost, percent(lost)))));
  return el("div", { class: "shades hint" }, "Share of requests that fail:", [0, 0.1, 0.25, 0.5, 0.75, 1].map(cell));
}

function goodputMap(data, report) {
  const variants = (data.variants ?? []).filter((variant) => variant.rounds?.[0]?.slots?.length);
  if (!variants.length) return [];
  const { slot_s: width, rounds } = variants[0];
  const slots = rounds[0].slots.length;
  const each = slotsPerTick(width, slots);
  const cellOf = ([requests, good], i) =>
    heat(requests ? 1 - good / requests : null, "", `due from ${seconds(i * width)}: ${count(good)} of ${count(requests)} requests succeed`);
  const rows = variants.map((variant) => el("tr", {}, el("th", { scope: "row" }, variant.budget), variant.rounds[0].slots.map(cellOf)));
  const ticks = rounds[0].slots.map((_, i) => el("th", {}, i % each ? "" : seconds(Number((i * width).toFixed(2)))));
  const head = el("tr", {}, el("th", { scope: "col" }, "retry.budget"), el("td", { colspan: slots }));
  const table = el("table", { class: "map fine timed" }, el("thead", {}, head), el("tbody", {}, rows), el("tfoot", {}, el("tr", {}, el("td", {}), ticks)));
  return [
    scrollBox("Requests that did not succeed, by the time they were due", el("div", { class: "over" }, table, faultBand(faultSpan(data, report), width * slots))),
    el("p", { class: "hint" }, `Seconds since the measured load began. A request counts in the ${seconds(width)} in which it was due; red may begin before the fault, which catches what is under way.`),
    shades(),
  ];
}

// Which map stands over the table, by the investigation's name.
const MAPS = {
  pause_map: (data, report) => pauseMaps(data, report).flat(),
  keepalive_race: (data) => [raceMap(data)],
  metastability: (data, report) => goodputMap(data, report),
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
