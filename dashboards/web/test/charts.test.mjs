// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { readReport } from "../src/data.js";
import { duration } from "../src/format.js";
import { logTicks, nice, sharedFrame } from "../src/frame.js";
import { readout } from "../src/readout.js";

const plain = (text) => text.replaceAll(/[\u00a0\u202f]/g, " ");

test("nice numbers", () => {
  assert.equal(nice(3, true), 5);
  assert.equal(nice(3, false), 2);
  assert.equal(nice(100, true), 100);
  assert.equal(nice(100, false), 100);
});

test("ticks stay within the range and thin out when it is wide", () => {
  assert.deepEqual(logTicks(1, 20), [1, 2, 5, 10, 20]);
  assert.deepEqual(logTicks(0.5, 2000), [1, 10, 100, 1000]);
});

test("all variants and rounds share one frame", () => {
  const round = (p50, max, failed) => ({
    t: [0, 0.1],
    p50: [p50, null],
    p99: [null, null],
    max: [max, null],
    failures: { response_timeout: [failed, 0] },
  });
  const frame = sharedFrame(
    readReport(JSON.stringify({ variants: [{ rounds: [round(2, 40, 0)] }, { rounds: [round(3, 800, 7)] }] })),
  );
  assert.deepEqual(frame.x, [0, 0.2]);
  assert.deepEqual(frame.latency, [2, 1440]);
  assert.equal(frame.most, 10);
  assert.ok(frame.y[0] < 2, "room is left below for the failures");
});

test("a timeout far above the slowest request does not press the curves flat", () => {
  const round = { t: [0], p50: [2], p99: [4], max: [40], failures: {} };
  const report = (timeout) => readReport(JSON.stringify({ response_timeout_ms: timeout, variants: [{ rounds: [round] }] }));
  assert.equal(report(300).drawnTimeout, 300);
  assert.equal(sharedFrame(report(300)).latency[1], 540);
  assert.equal(report(15000).drawnTimeout, null);
  assert.equal(sharedFrame(report(15000)).latency[1], 72);
  assert.equal(report(15000).timeout, 15000);
});

test("long times are in seconds", () => {
  assert.equal(plain(duration(999)), "999 ms");
  assert.equal(plain(duration(15000)), "15 s");
});

test("an empty report has a frame", () => {
  const frame = sharedFrame(readReport("{}"));
  assert.deepEqual(frame.latency, [1, 1000]);
  assert.equal(frame.lane, 0);
});

test("the readout names failures, pauses and what changed in the bucket", () => {
  const report = readReport(
    JSON.stringify({
      variants: [
        {
          rounds: [
            {
              t: [0, 1],
              requests: [5, 9],
              p50: [1, null],
              failures: { queue_full: [0, 2] },
              pauses: [{ from: 1.5, to: 2.5, kind: "injected", name: "gc", process: "orders-0" }],
              states: [{ at: 1.1, kind: "pool_exhausted", subject: "orders" }],
            },
          ],
        },
      ],
    }),
  );
  const [round] = report.variants[0].rounds;
  const found = readout(round, 1, 1);
  assert.deepEqual(found.values.map(plain), ["9 requests", "p50 \u2013", "p99 \u2013", "max \u2013", "2 failed (queue_full 2)"]);
  assert.deepEqual(found.events.map(plain), [
    "injected pause gc on orders-0 (1,000 ms)",
    "orders: every upstream connection in use: requests queue",
  ]);
  assert.deepEqual(readout(round, 0, 1).events, []);
  assert.equal(readout(round, 2, 1), null);
});
