// SPDX-License-Identifier: MIT
// Percentiles on an axis of nines: 0 at 0 %, 1 at 90 %, 2 at 99 %, and the latency at each of them.

export function nines(share) {
  return Math.log10(1 / (1 - share));
}

export function shareAt(x) {
  return 1 - 10 ** -x;
}

export function totalOf(distribution) {
  return distribution.reduce((sum, [, n]) => sum + n, 0);
}

// The latency at each x: null where too few requests were made to tell.
export function resample(distribution, xs) {
  const total = totalOf(distribution);
  let bucket = 0;
  let below = distribution.length ? distribution[0][1] : 0;
  return xs.map((x) => {
    if (!total || x > nines(1 - 1 / total) + 1e-9) return null;
    while (below < shareAt(x) * total - 1e-6 && bucket < distribution.length - 1) {
      bucket += 1;
      below += distribution[bucket][1];
    }
    return Math.max(distribution[bucket][0], 0.001);
  });
}
