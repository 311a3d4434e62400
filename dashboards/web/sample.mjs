// SPDX-License-Identifier: MIT
// Makes report pages with invented but plausible data, to look at while working on the page.
// Usage: node sample.mjs SCENARIO out.html     (scenarios: the keys of SCENARIOS below)
// The same scenario always gives the same page.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const BUCKET = 0.1;
const TIMEOUT = 250;

// A small generator of random numbers (a linear congruence), seeded.
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

function pausesOf(options, next) {
  const pauses = [];
  for (let from = 3; from < Math.min(8.5, options.duration - 1); from += 1)
    pauses.push({ from, to: from + options.pause, kind: "injected", name: "gc", process: "orders-0" });
  for (let from = 0.4; options.collections && from < options.duration; from += 0.9 + next() * 0.3)
    pauses.push({ from, to: from + 0.004 + next() * 0.02, kind: "collection", name: "heap", process: "orders-1" });
  if (options.scheduled) pauses.push({ from: 1.2, to: 1.5, kind: "scheduled", name: "nightly", process: "orders-1" });
  return pauses.sort((a, b) => a.from - b.from);
}

// One lock, held for `hold` ms by each request in turn, that a pause stops: [arrival s, latency ms].
function serve(options, pauses, next) {
  const served = [];
  let free = 0;
  for (let t = 0; t < options.duration; t += -Math.log(next()) / options.rate) {
    const work = 0.6 + 1.2 * Math.exp(0.9 * (next() + next() + next() - 1.5) * 2);
    let start = Math.max(t, free);
    for (const pause of pauses) if (start >= pause.from && start < pause.to) start = pause.to;
    // Who has waited too long gives up, and the lock goes to the next.
    if ((start - t) * 1000 < 1.2 * TIMEOUT) free = start + (options.hold * (0.5 + next())) / 1000;
    served.push([t, (start - t) * 1000 + work]);
  }
  return served;
}

function quantile(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] : null;
}

function failureOf(latency, next) {
  if (latency <= TIMEOUT) return null;
  const draw = next();
  if (draw < 0.82) return "response_timeout";
  return draw < 0.95 ? "queue_timeout" : "reused_closed";
}

function roundOf(number, options, seed) {
  const next = random(seed + number * 7919);
  const pauses = pausesOf(options, next);
  const buckets = Array.from({ length: Math.round(options.duration / BUCKET) }, () => []);
  const failures = {};
  const all = [];
  for (const [t, real] of serve(options, pauses, next)) {
    const bucket = Math.min(buckets.length - 1, Math.floor(t / BUCKET));
    const cause = failureOf(real, next);
    const latency = cause ? TIMEOUT + next() * 2 : real;
    if (cause) (failures[cause] ??= buckets.map(() => 0))[bucket] += 1;
    buckets[bucket].push(latency);
    all.push([latency, cause]);
  }
  const sorted = buckets.map((values) => values.sort((a, b) => a - b));
  const at = (share) => sorted.map((values) => round3(quantile(values, share)));
  const convoys = pauses.filter((pause) => options.hold > 0.5 && pause.kind === "injected");
  return {
    all,
    round: {
      round: number,
      t: buckets.map((_, i) => Number((i * BUCKET).toFixed(3))),
      requests: buckets.map((values) => values.length),
      p50: at(0.5),
      p99: at(0.99),
      max: at(1),
      failures,
      pauses,
      states: convoys.flatMap((pause) => [
        { at: pause.from + 0.05, kind: "pool_exhausted", subject: "orders", process: "gateway" },
        { at: pause.to + 0.3, kind: "pool_available", subject: "orders", process: "gateway" },
      ]),
    },
  };
}

function round3(value) {
  return value === null ? null : Number(value.toPrecision(4));
}

function tableOf(all, options, rounds) {
  const sorted = all.map(([latency]) => latency).sort((a, b) => a - b);
  const status = { response_timeout: "s504", queue_timeout: "s503", reused_closed: "s502" };
  const table = { s502: 0, s503: 0, s504: 0 };
  for (const [, cause] of all) if (cause) table[status[cause]] += 1;
  const failed = table.s502 + table.s503 + table.s504;
  return {
    requests: all.length,
    mean_ms: round3(sorted.reduce((a, b) => a + b, 0) / sorted.length),
    p50_ms: round3(quantile(sorted, 0.5)),
    p90_ms: round3(quantile(sorted, 0.9)),
    p99_ms: round3(quantile(sorted, 0.99)),
    p999_ms: round3(quantile(sorted, 0.999)),
    max_ms: round3(sorted[sorted.length - 1]),
    throughput_rps: round3((all.length - failed) / (rounds * options.duration)),
    collections_per_s: options.collections ? 0.95 : 0,
    ...table,
    gateway_failures: failed,
    failure_rate: failed / all.length,
    client_failures: 0,
    client_failure_rate: 0,
    client_only_failures: 0,
  };
}

function distributionOf(all) {
  const counts = new Map();
  for (const [latency] of all) {
    const upper = round3(1.02 ** Math.ceil(Math.log(latency) / Math.log(1.02)));
    counts.set(upper, (counts.get(upper) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => a[0] - b[0]);
}

function variantOf(label, options, rounds) {
  const made = Array.from({ length: rounds }, (_, i) => roundOf(i, options, 11));
  const all = made.flatMap((each) => each.all);
  return {
    label,
    values: { "/backends/orders/config/cleanup": label },
    table: tableOf(all, options, rounds),
    rounds: made.map((each) => each.round),
    distribution: distributionOf(all),
  };
}

const CAUSES = [
  ["queue_timeout", "no connection came free within timeout.queue", "connections.max by Little's law; find what holds the connections"],
  ["response_timeout", "no response head arrived in time", "find the stall; timeout.response above the true p99.9; release locks before responding"],
  ["reused_closed", "a pooled connection was closed by the upstream as it was reused: the keep-alive race", "connections.idle_timeout below the backend's keep-alive timeout; retry.on: reused_closed"],
  ["dns_failed", "the endpoint's name did not resolve", "cache names; check the resolver"],
];

function causeOf([name, meaning, advice], variants) {
  const countIn = (variant) =>
    variant.rounds.flatMap((round) => round.failures[name] ?? []).reduce((a, b) => a + b, 0);
  return { name, meaning, advice, counts: Object.fromEntries(variants.map((v) => [v.label, countIn(v)])) };
}

const CONFIG = `{
  // Deferred cleanup holds the lock through the response. "</script><b>" must stay text.
  "name": "cleanup-strategies", "seed": 7,
  "load": { "rate": "1500/s", "arrivals": "poisson", "warmup": "2s", "duration": "10s" },
  "faults": [ { "name": "gc", "on": "@orders/0", "pause": "220ms", "every": "1s", "from": "3s", "until": "8s" } ],
  "variants": { "/backends/orders/config/cleanup": [ "deferred", "inline", "pooled" ] },
  "rounds": 2
}
`;

function reportOf(holds, { rounds = 2, rest = {}, ...options } = {}) {
  const base = { rate: 1500, duration: 10, pause: 0.08, collections: true, ...options };
  const variants = Object.entries(holds).map(([label, hold]) => variantOf(label, { ...base, hold }, rounds));
  const expect = variants.flatMap((variant) => [
    { text: "gateway_failures < 0.1%", variant: variant.label, value: variant.table.failure_rate, holds: variant.table.failure_rate < 0.001 },
    { text: "p99 < 250ms", variant: variant.label, value: variant.table.p99_ms, holds: variant.table.p99_ms < 250 },
  ]);
  return {
    tailgate: "0.1.0",
    name: "cleanup-strategies",
    started: "2026-11-23T08:00:00Z",
    seed: 7,
    complete: true,
    problem: null,
    response_timeout_ms: TIMEOUT,
    load: { rate_rps: base.rate, arrivals: "poisson", warmup_s: 2, duration_s: base.duration, rounds, connections: 64 },
    bucket_s: BUCKET,
    variants,
    causes: CAUSES.map((cause) => causeOf(cause, variants)),
    expect,
    machine: { cores: 2, busy_share: 0.71, load_lag_p99_ms: 0.4, load_lag_max_ms: 2.1, records_dropped: 0, notes: ["The processes and the load generator shared 2 cores."] },
    config: CONFIG,
    ...rest,
  };
}

const STRATEGIES = { deferred: 0.6, inline: 0.25, pooled: 0.2 };
const grid = () =>
  Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`${["deferred", "inline", "pooled"][i % 3]}, timeout ${[100, 250, 500, 1000][Math.floor(i / 3)]} ms`, 0.2 + ((i * 5) % 12) * 0.036]),
  );
const cut = {
  complete: false,
  problem: "the backend orders-1 died (signal 9) 6.2 s into round 2",
  machine: { cores: 2, busy_share: 0.98, load_lag_p99_ms: 41, load_lag_max_ms: 180, records_dropped: 1204, notes: [] },
};

// Gaps, no rounds, no table, nulls: what an aborted run leaves behind.
function gaps() {
  const report = reportOf(STRATEGIES, { rest: cut });
  const [first, second, third] = report.variants;
  for (const key of ["p50", "p99", "max"])
    first.rounds[0][key] = first.rounds[0][key].map((v, i) => (i % 17 < 4 || i % 17 === 9 || i % 17 === 11 ? null : v));
  second.rounds.length = 1;
  second.rounds[0].t.length = 42;
  third.rounds = [];
  third.distribution = [];
  third.table = { requests: 0, failure_rate: null };
  return report;
}

const SCENARIOS = {
  usual: () => reportOf(STRATEGIES, { pause: 0.13 }),
  clean: () => reportOf({ inline: 0.25, pooled: 0.2 }),
  one: () => reportOf({ deferred: 0.6 }, { rounds: 1, pause: 0.3, collections: false, scheduled: true }),
  many: () => reportOf(grid(), { pause: 0.22, duration: 20 }),
  gaps,
  quiet: () => reportOf({ a: 0.2, b: 0.2 }, { rate: 30, pause: 0, collections: false, rest: { response_timeout_ms: null, expect: [], config: "" } }),
  nothing: () => ({ tailgate: "0.1.0", name: "nothing", complete: false, problem: "port 8080 is in use", variants: [] }),
};

const [scenario, out] = process.argv.slice(2);
if (!SCENARIOS[scenario] || !out) {
  console.error(`usage: node sample.mjs ${Object.keys(SCENARIOS).join("|")} out.html`);
  process.exit(2);
}
const page = await readFile(fileURLToPath(new URL("dist/report.html", import.meta.url)), "utf8");
const json = JSON.stringify(SCENARIOS[scenario]()).replaceAll("<", "\\u003c");
await writeFile(out, page.replace("/*TAILGATE_DATA*/", () => json));
