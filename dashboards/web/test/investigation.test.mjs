// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import test from "node:test";

import { readReport } from "../src/data.js";

test("a run of which nothing was asked has no finding", () => {
  assert.equal(readReport("{}").finding, null);
  assert.equal(readReport('{"investigation": null}').finding, null);
});

test("what was asked is kept, answered or not", () => {
  const { finding } = readReport('{"investigation": {"question": "why?", "answer": null, "withheld": "too few"}}');
  assert.equal(finding.withheld, "too few");
});
