// SPDX-License-Identifier: MIT
// What the names in the records mean to someone who runs a gateway, and how each is drawn.

// Pauses: a band behind the lines. The pattern tells them apart without colour.
export const PAUSES = {
  injected: { text: "injected pause", colour: "injected", pattern: "solid" },
  scheduled: { text: "the backend's own scheduled pause", colour: "scheduled", pattern: "level" },
  collection: { text: "garbage collection", colour: "collection", pattern: "rising" },
};

// Events that turn a stall into failures: a mark above the plot.
export const STATES = {
  pool_exhausted: { text: "every upstream connection in use: requests queue", mark: "down", solid: true },
  pool_available: { text: "upstream connections free again", mark: "up", solid: false },
  queue_shed: { text: "queue full: requests turned away", mark: "square", solid: true },
  accept_paused: { text: "listener stopped accepting", mark: "diamond", solid: true },
  accept_resumed: { text: "listener accepts again", mark: "diamond", solid: false },
  descriptors_exhausted: { text: "file descriptors exhausted", mark: "square", solid: false },
  draining: { text: "draining", mark: "circle", solid: false },
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
