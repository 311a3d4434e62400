// SPDX-License-Identifier: MIT
// What the run showed, in a sentence, and what a reader must know before believing it.

import { gather } from "./blame.js";
import { count, duration, isBound, isNumber, listing, ms, percent, plural, seconds } from "./format.js";
import { failuresIn } from "./frame.js";

// A machine this busy, or a generator this late, may itself be what was slow.
const BUSY_SHARE = 0.9;
const LATE_MS = 10;

function rateOf(variant) {
  return variant.table.failure_rate ?? 0;
}

// A label of several words is set apart from the sentence around it.
function labelled(variant) {
  return /[\s,;]/.test(variant.label) ? `\u201c${variant.label}\u201d` : variant.label.replace(/(?<=\d)%$/, "\u202f%");
}

// "retry.budget" out of "/gateway/upstreams/orders/retry/budget": the last two steps, without names of
// the user's own, numbers and paths.
function keyOf(pointer) {
  const inner = pointer.replace(/^\/(gateway\/upstreams\/[^/]+|backends\/[^/]+(\/config)?|gateway|faults)(?=\/)/, "");
  return inner.split("/").slice(-2).filter((step) => /^[a-z_]+$/.test(step)).join(".");
}

// What a variant varies, where its label is one bare figure, which says nothing without that.
export function axisOf(variant) {
  const axes = Object.entries(variant.values);
  const bare = axes.length === 1 && /^(\d|true$|false$)/.test(variant.label) && String(axes[0][1]) === variant.label;
  return bare ? keyOf(axes[0][0]) : "";
}

// "retry.budget 50 % and 100 %"
function named(...variants) {
  return `${axisOf(variants[0])} ${listing(variants.map(labelled))}`.trim();
}

// More variants than this that are alike are not all named.
const MOST_NAMED = 3;

function namedAlike(variants) {
  if (variants.length <= MOST_NAMED) return named(...variants);
  return `${variants.length} variants alike, ${named(variants[0])} among them`;
}

// The cause behind most of some variants' failures, with how much of them it explains.
function mainCause(report, variants) {
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const counts = report.causes
    .map((cause) => [cause.name, sum(variants.map((variant) => cause.counts[variant.label] ?? 0))])
    .sort((a, b) => b[1] - a[1]);
  const total = sum(variants.map((variant) => variant.table.gateway_failures ?? 0));
  if (!counts.length || !counts[0][1] || !total) return "";
  const [name, n] = counts[0];
  if (n >= total) return ` (${name})`;
  return n * 2 > total ? ` (mostly ${name})` : ` (${name} and others)`;
}

function othersThanWorst(others) {
  const none = others.filter((variant) => rateOf(variant) === 0);
  const some = others.filter((variant) => rateOf(variant) > 0);
  const parts = [];
  if (some.length > 3) {
    const rates = some.map(rateOf);
    parts.push(
      `${some.length} others between ${percent(Math.min(...rates))} and ${percent(Math.max(...rates))}`,
    );
  } else {
    parts.push(...some.map((variant) => `${labelled(variant)}: ${percent(rateOf(variant))}`));
  }
  if (none.length > 4) parts.push(`${none.length} variants: none`);
  else if (none.length) parts.push(`${listing(none.map(labelled))}: none`);
  return parts.join("; ");
}

function failureSentence(report, ranked) {
  const rate = percent(rateOf(ranked[0]));
  // Those that read the same as the worst are no better than it.
  const worst = ranked.filter((variant) => percent(rateOf(variant)) === rate);
  const others = ranked.slice(worst.length);
  const failed = `${rate} of requests failed at the gateway${mainCause(report, worst)}`;
  if (ranked.length === 1) return `${failed}.`;
  if (!others.length) return `With each of the ${ranked.length} variants, ${failed}.`;
  return `With ${namedAlike(worst)}, ${failed}; ${othersThanWorst(others)}.`;
}

function tailSentence(measured) {
  if (measured.some((variant) => isBound(variant.table, "p99_ms"))) return "";
  const ranked = measured
    .filter((variant) => isNumber(variant.table.p99_ms))
    .sort((a, b) => b.table.p99_ms - a.table.p99_ms);
  if (!ranked.length) return "";
  const worst = ranked[0];
  const best = ranked[ranked.length - 1];
  if (worst === best) return ` 99 % of them were answered within ${ms(worst.table.p99_ms)}.`;
  if (worst.table.p99_ms < best.table.p99_ms * 1.1)
    return ` Their p99 is alike, near ${ms(worst.table.p99_ms)}.`;
  return ` The tails differ: p99 ${ms(worst.table.p99_ms)} with ${named(worst)}, ${ms(best.table.p99_ms)} with ${named(best)}.`;
}

function cleanSentence(measured) {
  const requests = measured.reduce((sum, variant) => sum + variant.table.requests, 0);
  const where = measured.length > 1 ? ` in any of the ${measured.length} variants` : "";
  return `None of ${plural(requests, "request")} failed at the gateway${where}.${tailSentence(measured)}`;
}

// A run with more requests that got no answer, for no failure of the gateway, does not look clean.
const CLEAN_SHARE = 0.01;

function lostShare(variant) {
  return (variant.table.client_only_failures ?? 0) / variant.table.requests;
}

function lostSentence(measured) {
  const lost = measured.filter((variant) => lostShare(variant) > CLEAN_SHARE);
  if (!lost.length) return "";
  const worst = lost.reduce((a, b) => (lostShare(b) > lostShare(a) ? b : a));
  const where = measured.length > 1 ? ` with ${named(worst)}` : "";
  return ` But ${percent(lostShare(worst))} of requests got no answer${where}, for no failure that the gateway counts.`;
}

export function verdict(report) {
  const measured = report.variants.filter((variant) => variant.table.requests > 0);
  if (!measured.length) return "Nothing was measured: no request was made in the measured part of the run.";
  const ranked = [...measured].sort((a, b) => rateOf(b) - rateOf(a));
  const said = rateOf(ranked[0]) > 0 ? failureSentence(report, ranked) : cleanSentence(measured);
  return said + lostSentence(measured);
}

// Pauses shorter than this share of the timeout do not matter to it.
const PAUSE_SHARE = 0.1;

function longPauses(round, timeout) {
  return round.pauses.filter((pause) => pause.to - pause.from >= timeout * PAUSE_SHARE);
}

// How many of the failures lie near a pause, beside how much of the time does: only the difference
// between the two says anything. `timeout` in seconds.
export function alignment(report, timeout) {
  const sum = { failures: 0, failuresNear: 0, buckets: 0, bucketsNear: 0 };
  for (const round of report.variants.flatMap((variant) => variant.rounds)) {
    const pauses = longPauses(round, timeout);
    round.t.forEach((t, i) => {
      const near = pauses.some((p) => t + report.bucket > p.from - timeout && t < p.to + timeout);
      const failed = failuresIn(round, i);
      sum.buckets += 1;
      sum.failures += failed;
      sum.bucketsNear += near ? 1 : 0;
      sum.failuresNear += near ? failed : 0;
    });
  }
  return sum;
}

// The faults that touched something, by name.
function injectedFaults(report) {
  const names = report.variants.flatMap((variant) => variant.faults.filter((f) => f.touched > 0).map((f) => f.name));
  return [...new Set(names)];
}

export function alignmentSentence(report) {
  const timeout = (report.timeout ?? 0) / 1000;
  const { failures, failuresNear, buckets, bucketsNear } = alignment(report, timeout);
  if (!failures) return null;
  const injected = injectedFaults(report);
  if (!bucketsNear && injected.length)
    return `No pause that matters was recorded. Injected: ${listing(injected)}.`;
  if (!bucketsNear) return "No pause that matters was recorded: these failures have another origin.";
  const [ofFailures, ofTime] = [failuresNear / failures, bucketsNear / buckets];
  const where = timeout
    ? `within ${duration(report.timeout)} of a pause of ${duration(report.timeout * PAUSE_SHARE)} or more`
    : "in a pause";
  if (ofFailures < ofTime * 1.2)
    return `The failures do not gather around the pauses: ${percent(ofFailures)} of them lie ${where}, and so does ${percent(ofTime)} of the time.`;
  return `${percent(ofFailures)} of the failures lie ${where}, which is ${percent(ofTime)} of the time.`;
}

// Classes as what failures are blamed on; the name stands behind them, where there is one.
const CULPRITS = {
  injected: "the injected",
  pause: "a pause of the backend",
  stall: "endpoints that stood still",
  gateway: "the gateway itself",
  lock: "locks in the backend",
  work: "the backend's own work",
  idle_race: "the keep-alive race",
  backend: "the backend",
  limit: "a limit of the gateway",
  queue: "the gateway's queue",
  client: "the client's side",
};

function culprit({ class: kind, name }) {
  return [CULPRITS[kind] ?? String(kind), name].filter(Boolean).join(" ");
}

// What most failures are blamed on; null where nobody looked.
export function blameSentence(report) {
  const rows = gather(report).filter((row) => row.failed > 0);
  if (!rows.length) return null;
  const total = rows.reduce((sum, row) => sum + row.failed, 0);
  const [first] = rows;
  const most = `${count(first.failed)} of ${plural(total, "failure")}`;
  if (first.class === "unattributed") return `${most} cannot be attributed: nothing that was recorded explains them.`;
  return `${most} ${first.failed === 1 ? "is" : "are"} blamed on ${culprit(first)}.`;
}

// One answer to what the failures have to do with what stood still: where each failure has been looked
// into, what was found, and otherwise how they lie in time.
export function evidenceSentence(report) {
  return blameSentence(report) ?? alignmentSentence(report);
}

// Reasons to doubt the figures, each a sentence.
export function cautions(report) {
  const { machine } = report;
  const found = [];
  if (!report.complete || report.problem)
    found.push(
      `The run was cut short${report.problem ? `: ${report.problem}` : ""}. What follows is what was recorded until then.`,
    );
  if (machine.busy_share >= BUSY_SHARE || machine.load_lag_p99_ms >= LATE_MS)
    found.push(
      `The machine was starved (cores ${percent(machine.busy_share)} busy; the load generator ${ms(machine.load_lag_p99_ms)} late at p99, ${ms(machine.load_lag_max_ms)} at most): part of what looks slow here may be the machine, not the gateway.`,
    );
  if (machine.records_dropped > 0)
    found.push(
      `${plural(machine.records_dropped, "record")} could not be kept, so the figures by time and by cause are incomplete.`,
    );
  return found;
}

export function loadSentence(load) {
  const parts = [];
  if (isNumber(load.rate_rps)) parts.push(`${plural(load.rate_rps, "request")}/s`);
  if (load.arrivals) parts.push(`${load.arrivals} arrivals`);
  if (isNumber(load.connections)) parts.push(plural(load.connections, "connection"));
  if (isNumber(load.duration_s)) {
    const warmup = load.warmup_s > 0 ? ` after ${seconds(load.warmup_s)} of warm-up` : "";
    parts.push(`${seconds(load.duration_s)} measured${warmup}`);
  }
  if (load.rounds > 1) parts.push(plural(load.rounds, "interleaved round"));
  return parts.join(" · ");
}
