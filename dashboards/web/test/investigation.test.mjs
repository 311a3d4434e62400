// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import test from "node:test";

import { readReport } from "../src/data.js";
import { faultSpan, slotsPerTick } from "../src/investigation.js";

test("a run of which nothing was asked has no finding", () => {
  assert.equal(readReport("{}").finding, null);
  assert.equal(readReport('{"investigation": null}').finding, null);
});

test("what was asked is kept, answered or not", () => {
  const { finding } = readReport('{"investigation": {"question": "why?", "answer": null, "withheld": "too few"}}');
  assert.equal(finding.withheld, "too few");
});

test("times stand below whole seconds, and not too many of them", () => {
  assert.equal(slotsPerTick(0.2, 60), 5);
  assert.equal(slotsPerTick(0.3, 40), 10);
  assert.equal(slotsPerTick(0.1, 40), 10);
  assert.equal(slotsPerTick(0.2, 600), 50);
  assert.equal(slotsPerTick(0.1, 4), 1);
});

test("the fault spans all variants' rounds, and has the names of what touched something", () => {
  const data = { variants: [{ rounds: [{ fault_from_s: 2, fault_to_s: 3 }] }, { rounds: [{ fault_from_s: 2.1, fault_to_s: 3.2 }] }, { rounds: [{}] }] };
  const faults = [
    { name: "still", kind: "pause", target: "orders-0", touched: 1 },
    { name: "still", kind: "pause", target: "orders-1", touched: 1 },
    { name: "never", kind: "reset", touched: 0 },
  ];
  const report = readReport(JSON.stringify({ variants: [{ faults }] }));
  assert.deepEqual(faultSpan(data, report), { from: 2, to: 3.2, text: "pause \u201cstill\u201d" });
  assert.equal(faultSpan({ variants: [{ rounds: [{}] }] }, report), null);
});
