// SPDX-License-Identifier: MIT
// The one frame that all time charts share, so that they compare at a glance: the same seconds, the
// same milliseconds, the same count of failures, in every variant and every round.

// How much of the height the failures take, below the latencies.
const LANE = 0.3;
const GAP = 0.04;
// Above the slowest request and the timeout there is room for the timeout's name.
export const HEADROOM = 1.8;

function extremes(values, start) {
  let [lo, hi] = start;
  for (const value of values) {
    if (value === null) continue;
    if (value < lo) lo = value;
    if (value > hi) hi = value;
  }
  return [lo, hi];
}

// The next 1, 2 or 5 times a power of ten at or above the value (or at or below it).
export function nice(value, up) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((step) => step * power);
  return up
    ? steps.find((step) => step >= value * 0.999999)
    : steps.reverse().find((step) => step <= value * 1.000001);
}

export function logTicks(lo, hi) {
  const steps = hi / lo < 120 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = 10 ** Math.floor(Math.log10(lo)); power <= hi; power *= 10)
    for (const step of steps) {
      const tick = Number((step * power).toPrecision(3));
      if (tick >= lo * 0.999 && tick <= hi * 1.001) ticks.push(tick);
    }
  return ticks;
}

function latencyRange(rounds, timeout) {
  let range = [Infinity, -Infinity];
  for (const round of rounds)
    for (const values of [round.p50, round.p99, round.max]) range = extremes(values, range);
  if (timeout) range = extremes([timeout], range);
  if (range[0] > range[1]) return [1, 1000];
  const lo = nice(range[0], false);
  const hi = range[1] * HEADROOM;
  return [lo, Math.max(hi, lo * 10)];
}

export function failuresIn(round, index) {
  return Object.values(round.failures).reduce((sum, counts) => sum + counts[index], 0);
}

// No spread into Math.max() here: a long run has more buckets than a call may have arguments.
function mostFailures(rounds) {
  let most = 0;
  for (const round of rounds)
    for (let i = 0; i < round.t.length; i++) most = Math.max(most, failuresIn(round, i));
  return most;
}

export function sharedFrame(report) {
  const rounds = report.variants.flatMap((variant) => variant.rounds);
  const ends = rounds.map((round) => (round.t.length ? round.t[round.t.length - 1] + report.bucket : 0));
  const end = Math.max(report.load.duration_s || 0, ...ends) || 1;
  const [lo, hi] = latencyRange(rounds, report.drawnTimeout);
  const worst = mostFailures(rounds);
  const most = worst > 0 ? nice(worst, true) : 1;
  const lane = worst > 0 ? LANE : 0;
  return {
    x: [0, end],
    latency: [lo, hi],
    // The axis reaches further down than the data, which leaves the lane below to the failures.
    y: [hi / (hi / lo) ** (1 / (1 - lane)), hi],
    most,
    failures: [0, most / (lane > 0 ? lane - GAP : 1)],
    lane,
  };
}
