// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { readReport } from "../src/data.js";
import { gather } from "../src/faults.js";

const report = (variants) => readReport(JSON.stringify({ variants }));

test("a fault of several variants is one row", () => {
  const gc = { name: "gc", kind: "stop", target: "orders-0", by: "lab", touched: 3 };
  const rows = gather(report([
    { label: "a", faults: [gc, { ...gc, target: "orders-1" }] },
    { label: "b", faults: [{ ...gc, touched: 5 }] },
    { label: "c" },
  ]));
  assert.equal(rows.length, 2);
  assert.deepEqual([...rows[0].in.entries()].map(([index, fault]) => [index, fault.touched]), [[0, 3], [1, 5]]);
});

test("a run without faults has no rows", () => {
  assert.deepEqual(gather(report([{ label: "a" }])), []);
});
