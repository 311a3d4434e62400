// SPDX-License-Identifier: MIT
// The values under the cursor, as words beside a chart's title.

import { count, isNumber, ms, plural, seconds } from "./format.js";
import { failuresIn } from "./frame.js";
import { pauseStyle, stateStyle } from "./words.js";

function pausesAt(round, from, to) {
  return round.pauses
    .filter((pause) => pause.to > from && pause.from < to)
    .map((pause) => {
      const where = [pause.name, pause.process && `on ${pause.process}`].filter(Boolean).join(" ");
      return `${pauseStyle(pause.kind).text}${where ? ` ${where}` : ""} (${ms((pause.to - pause.from) * 1000)})`;
    });
}

function statesAt(round, from, to) {
  return round.states
    .filter((state) => state.at >= from && state.at < to)
    .map((state) => `${state.subject ? `${state.subject}: ` : ""}${stateStyle(state.kind).text}`);
}

function failuresAt(round, index) {
  const total = failuresIn(round, index);
  if (!total) return "none failed";
  const parts = Object.entries(round.failures)
    .filter(([, counts]) => counts[index] > 0)
    .map(([name, counts]) => `${name} ${count(counts[index])}`);
  return `${count(total)} failed (${parts.join(", ")})`;
}

// A few of many, so that a busy moment does not fill the page.
function some(texts) {
  const distinct = [...new Set(texts)];
  return distinct.length > 3 ? [...distinct.slice(0, 2), `and ${distinct.length - 2} more`] : distinct;
}

export function readout(round, index, bucket) {
  if (!round || !isNumber(index) || index >= round.t.length) return null;
  const from = round.t[index];
  const to = from + bucket;
  return {
    at: seconds(Number(from.toFixed(3))),
    values: [
      plural(round.requests[index], "request"),
      `p50 ${ms(round.p50[index])}`,
      `p99 ${ms(round.p99[index])}`,
      `max ${ms(round.max[index])}`,
      failuresAt(round, index),
    ],
    events: [...some(pausesAt(round, from, to)), ...some(statesAt(round, from, to))],
  };
}
