// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { cellsOf } from "../src/claims.js";
import { readReport } from "../src/data.js";

const read = (claim) => readReport(JSON.stringify({ claims: [claim] })).claims[0];

test("a claim has its figure, its range and its verdict", () => {
  const claim = read({ text: "it", shown: "+12 %", range: "+9 % to +15 %", verdict: "holds", value: 0.12 });
  assert.deepEqual(cellsOf(claim), { measured: "+12 %", range: "+9 % to +15 %", verdict: "holds" });
});

test("without a range there is the reason", () => {
  const claim = read({ shown: "+12 %", range: "", reason: "no range: too few", verdict: "holds" });
  assert.equal(cellsOf(claim).range, "no range: too few");
});

test("what was withheld shows why, and nothing else", () => {
  const claim = read({ shown: "", reason: "the run was cut short", verdict: "withheld" });
  assert.deepEqual(cellsOf(claim), { measured: "withheld: the run was cut short", range: "", verdict: "" });
});

test("a report without claims has none", () => {
  assert.deepEqual(readReport("{}").claims, []);
});
