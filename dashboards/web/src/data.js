// SPDX-License-Identifier: MIT
// Reads the data that the program put into the page. What is missing becomes empty, so that no other
// module has to ask.

import { isNumber } from "./format.js";

function list(value) {
  return Array.isArray(value) ? value : [];
}

function object(value) {
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

// A latency that a logarithmic axis can show, or a gap.
function latency(value) {
  return isNumber(value) ? Math.max(value, 0.001) : null;
}

function sized(values, length, read) {
  return Array.from({ length }, (_, i) => read(list(values)[i]));
}

function readRound(raw, index) {
  const t = list(raw.t).filter(isNumber);
  const counts = (value) => (isNumber(value) ? value : 0);
  return {
    number: isNumber(raw.round) ? raw.round : index,
    t,
    requests: sized(raw.requests, t.length, counts),
    p50: sized(raw.p50, t.length, latency),
    p99: sized(raw.p99, t.length, latency),
    max: sized(raw.max, t.length, latency),
    failures: Object.fromEntries(
      Object.entries(object(raw.failures)).map(([name, n]) => [name, sized(n, t.length, counts)]),
    ),
    pauses: list(raw.pauses).filter((p) => isNumber(p.from) && isNumber(p.to)),
    states: list(raw.states).filter((s) => isNumber(s.at)),
  };
}

function readBlame(raw) {
  const classes = (items) => list(items).map(object).filter((item) => isNumber(item.count));
  return { failed: classes(raw.failed), client: classes(raw.client), slow: classes(raw.slow), notes: list(raw.notes) };
}

function readEnding(raw) {
  const number = (value) => (isNumber(value) ? value : 0);
  return {
    seen: String(raw.seen ?? ""),
    cause: String(raw.cause ?? ""),
    says: String(raw.says ?? ""),
    count: number(raw.count),
    triedAgain: number(raw.tried_again),
    unlogged: number(raw.unlogged),
  };
}

// What the gateway of a variant made of it, where gateways are compared.
function readGateway(raw, table) {
  if (!raw) return null;
  return {
    name: String(raw.name ?? ""),
    case: String(raw.case ?? ""),
    measured: table.requests !== 0,
    saved: isNumber(raw.answered_after_retry) ? raw.answered_after_retry : 0,
    failures: list(raw.failures).map((failure) => readEnding(object(failure))),
  };
}

function readVariant(raw, index) {
  return {
    index,
    label: String(raw.label || `variant ${index + 1}`),
    values: object(raw.values),
    table: object(raw.table),
    faults: list(raw.faults).map(object),
    blame: readBlame(object(raw.blame)),
    gateway: readGateway(raw.gateway, object(raw.table)),
    rounds: list(raw.rounds).map(readRound),
    distribution: list(raw.distribution).filter(([ms, n]) => isNumber(ms) && isNumber(n) && n > 0),
  };
}

const CLAIM_TEXTS = ["text", "section", "claimed", "measure", "note", "verdict", "over", "shown", "range", "reason"];

function readClaim(raw) {
  return Object.fromEntries(CLAIM_TEXTS.map((name) => [name, String(object(raw)[name] ?? "")]));
}

// Causes in the order of how much they matter here; those that never struck are left out.
function readCauses(raw) {
  const total = (cause) => Object.values(cause.counts).reduce((sum, n) => sum + n, 0);
  return list(raw)
    .map((cause) => ({ ...cause, counts: object(cause.counts) }))
    .filter((cause) => total(cause) > 0)
    .sort((a, b) => total(b) - total(a));
}

// The causes that appear as bars, the most frequent first.
function failureNames(variants) {
  const totals = new Map();
  for (const round of variants.flatMap((variant) => variant.rounds))
    for (const [name, counts] of Object.entries(round.failures)) {
      const sum = counts.reduce((a, b) => a + b, 0);
      if (sum > 0) totals.set(name, (totals.get(name) ?? 0) + sum);
    }
  return [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a));
}

// A timeout far above the slowest request would only press the curves flat.
function isInSight(timeout, variants) {
  const slowest = variants
    .flatMap((variant) => variant.rounds.flatMap((round) => round.max))
    .reduce((a, b) => Math.max(a, b ?? 0), 0);
  return slowest === 0 || timeout <= slowest * 10;
}

export function readReport(text) {
  const raw = object(JSON.parse(text));
  const variants = list(raw.variants).map(readVariant);
  const timeout = isNumber(raw.response_timeout_ms) ? raw.response_timeout_ms : null;
  return {
    version: String(raw.tailgate ?? ""),
    name: String(raw.name || "unnamed run"),
    started: raw.started,
    seed: raw.seed,
    complete: raw.complete !== false,
    problem: raw.problem || null,
    timeout,
    drawnTimeout: isInSight(timeout, variants) ? timeout : null,
    load: object(raw.load),
    bucket: isNumber(raw.bucket_s) && raw.bucket_s > 0 ? raw.bucket_s : 0.1,
    variants,
    failureNames: failureNames(variants),
    causes: readCauses(raw.causes),
    expect: list(raw.expect),
    claims: list(raw.claims).map(readClaim),
    finding: raw.investigation?.question ? raw.investigation : null,
    machine: object(raw.machine),
    config: String(raw.config ?? ""),
  };
}
