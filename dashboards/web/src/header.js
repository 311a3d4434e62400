// SPDX-License-Identifier: MIT
// The top of the page: what was run, and what it showed.

import { el } from "./dom.js";
import { moment } from "./format.js";
import { isDark, onThemeChange, toggleTheme } from "./theme.js";
import { cautions, evidenceSentence, loadSentence, verdict } from "./verdict.js";

function themeButton() {
  const button = el("button", { type: "button", onclick: toggleTheme });
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page ${isDark() ? "light" : "dark"}`);
  };
  onThemeChange(label);
  label();
  return button;
}

function expectationChip(report) {
  const total = report.expect.length;
  if (!total) return null;
  const held = report.expect.filter((expectation) => expectation.holds).length;
  const text = held === total ? `\u2713 all ${total} expectations hold` : `\u2717 ${total - held} of ${total} expectations fall short`;
  return el("a", { href: "#expectations", class: `chip ${held === total ? "holds" : "falls"}` }, text);
}

export function header(report) {
  const seed = report.seed === undefined || report.seed === null ? null : `seed ${report.seed}`;
  const facts = [report.started && moment(report.started), loadSentence(report.load), seed].filter(Boolean);
  const evidence = evidenceSentence(report);
  return el(
    "header",
    { class: "top" },
    el("div", { class: "brand" }, el("span", {}, "Tailgate"), themeButton()),
    el("h1", {}, report.name),
    el("p", { class: "meta" }, facts.join(" · ")),
    cautions(report).map((text) => el("p", { class: "caution", role: "note" }, text)),
    el("p", { class: "verdict" }, verdict(report)),
    evidence ? el("p", { class: "evidence" }, evidence) : null,
    expectationChip(report),
  );
}

export function footer(report) {
  return el("footer", {}, `Tailgate ${report.version} · charts by uPlot (MIT)`);
}
