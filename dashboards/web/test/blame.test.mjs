// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { gather } from "../src/blame.js";
import { readReport } from "../src/data.js";

const report = (variants) => readReport(JSON.stringify({ variants }));
const item = (name, count) => ({ class: "injected", name, count, example: `by ${name}` });

test("adds up each class and name over variants, failures first", () => {
  const rows = gather(
    report([
      { label: "a", blame: { failed: [item("gc", 3)], slow: [item("lag", 9), item("gc", 1)] } },
      { label: "b", blame: { failed: [item("gc", 2)], client: [item("kill", 7)] } },
    ]),
  );
  assert.deepEqual(
    rows.map((row) => [row.name, row.failed, row.client, row.slow, row.example]),
    [["gc", 5, 0, 1, "by gc"], ["kill", 0, 7, 0, "by kill"], ["lag", 0, 0, 9, "by lag"]],
  );
  assert.deepEqual(rows[0].in.get(1), { failed: 2, client: 0, slow: 0 });
});

test("a run without blame has no rows", () => {
  assert.deepEqual(gather(report([{ label: "a" }])), []);
});
