// SPDX-License-Identifier: MIT
// What the names in the records mean to someone who runs a gateway, and how each is drawn.

// Pauses: a band behind the lines. The pattern tells them apart without colour.
export const PAUSES = {
  injected: { text: "injected pause", colour: "injected", pattern: "solid" },
  scheduled: { text: "the backend's own scheduled pause", colour: "scheduled", pattern: "level" },
  collection: { text: "garbage collection", colour: "collection", pattern: "rising" },
  pause: { text: "process stopped for a pause", colour: "injected", pattern: "solid" },
  stop: { text: "process stopped", colour: "injected", pattern: "solid" },
  kill: { text: "process killed and away", colour: "injected", pattern: "falling" },
  term: { text: "process told to end and away", colour: "injected", pattern: "level" },
  descriptors: { text: "process without descriptors", colour: "injected", pattern: "falling" },
  stop_accepting: { text: "backend accepts no connection", colour: "injected", pattern: "level" },
  steal_cpu: { text: "a neighbour takes CPU time", colour: "injected", pattern: "rising" },
};

// Events that turn a stall into failures: a mark above the plot.
export const STATES = {
  pool_exhausted: { text: "every upstream connection in use: requests queue", mark: "down", solid: true },
  pool_available: { text: "upstream connections free again", mark: "up", solid: false },
  queue_shed: { text: "queue full: requests turned away", mark: "square", solid: true },
  queue_shed_ended: { text: "queue has room again", mark: "square", solid: false },
  accept_paused: { text: "listener stopped accepting", mark: "diamond", solid: true },
  accept_resumed: { text: "listener accepts again", mark: "diamond", solid: false },
  descriptors_exhausted: { text: "file descriptors exhausted", mark: "square", solid: true },
  descriptors_available: { text: "file descriptors free again", mark: "square", solid: false },
  draining: { text: "draining", mark: "circle", solid: false },
  reloaded: { text: "configuration reloaded", mark: "circle", solid: false },
  endpoints_changed: { text: "the name's addresses changed", mark: "circle", solid: false },
  retries_exhausted: { text: "retry budget spent: failures are not tried again", mark: "down", solid: true },
  retries_available: { text: "retries allowed again", mark: "up", solid: false },
  hedges_exhausted: { text: "hedging budget spent", mark: "down", solid: true },
  hedges_available: { text: "hedges allowed again", mark: "up", solid: false },
  endpoint_ejected: { text: "endpoint ejected for its failures", mark: "down", solid: true },
  endpoint_restored: { text: "endpoint back from its ejection", mark: "up", solid: false },
  endpoint_down: { text: "endpoint failed its health checks", mark: "down", solid: true },
  endpoint_up: { text: "endpoint passes its health checks", mark: "up", solid: false },
  breaker_opened: { text: "circuit breaker opened", mark: "diamond", solid: true },
  breaker_half_open: { text: "circuit breaker lets a few try", mark: "diamond", solid: false },
  breaker_closed: { text: "circuit breaker closed", mark: "diamond", solid: false },
  panic_begun: { text: "too few endpoints left: health is ignored", mark: "square", solid: true },
  panic_ended: { text: "enough endpoints: health counts again", mark: "square", solid: false },
  rate_limiting_begun: { text: "rate limit reached", mark: "square", solid: true },
  rate_limiting_ended: { text: "rate below the limit again", mark: "square", solid: false },
  shedding_begun: { text: "concurrency limit reached: requests turned away", mark: "square", solid: true },
  shedding_ended: { text: "below the concurrency limit again", mark: "square", solid: false },
  concurrency_limit: { text: "concurrency limit changed", mark: "circle", solid: true },
  concurrency_baseline: { text: "concurrency baseline measured", mark: "circle", solid: false },
  dns_failed: { text: "a name did not resolve", mark: "diamond", solid: true },
  dns_answered: { text: "the name resolves again", mark: "diamond", solid: false },
  restarts_given_up: { text: "restarted too often: the watchdog gave up", mark: "square", solid: true },
};

function plain(name) {
  return String(name).replaceAll("_", " ");
}

export function pauseStyle(kind) {
  return PAUSES[kind] ?? { text: plain(kind), colour: "scheduled", pattern: "falling" };
}

export function stateStyle(kind) {
  return STATES[kind] ?? { text: plain(kind), mark: "circle", solid: true };
}
