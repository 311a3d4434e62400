// SPDX-License-Identifier: MIT
// What the run showed, in a sentence, and what a reader must know before believing it.

import { duration, isBound, isNumber, listing, ms, percent, plural, seconds } from "./format.js";
import { failuresIn } from "./frame.js";

// A machine this busy, or a generator this late, may itself be what was slow.
const BUSY_SHARE = 0.9;
const LATE_MS = 10;

function rateOf(variant) {
  return variant.table.failure_rate ?? 0;
}

// A label of several words is set apart from the sentence around it.
function named(variant) {
  return /[\s,;]/.test(variant.label) ? `\u201c${variant.label}\u201d` : variant.label;
}

// The cause behind most of a variant's failures, with how much of them it explains.
function mainCause(report, variant) {
  const counts = report.causes
    .map((cause) => [cause.name, cause.counts[variant.label] ?? 0])
    .sort((a, b) => b[1] - a[1]);
  const total = variant.table.gateway_failures ?? 0;
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
    parts.push(...some.map((variant) => `${named(variant)}: ${percent(rateOf(variant))}`));
  }
  if (none.length > 4) parts.push(`${none.length} variants: none`);
  else if (none.length) parts.push(`${listing(none.map(named))}: none`);
  return parts.join("; ");
}

function failureSentence(report, ranked) {
  const [worst, ...others] = ranked;
  const failed = `${percent(rateOf(worst))} of requests failed at the gateway${mainCause(report, worst)}`;
  if (!others.length) return `${failed}.`;
  return `With ${named(worst)}, ${failed}; ${othersThanWorst(others)}.`;
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
