// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { nines, resample, shareAt } from "../src/percentiles.js";

test("each nine is one step", () => {
  assert.equal(nines(0), 0);
  assert.ok(Math.abs(nines(0.999) - 3) < 1e-12);
  assert.ok(Math.abs(shareAt(2) - 0.99) < 1e-12);
});

test("quantiles are the smallest values that enough requests do not exceed", () => {
  const distribution = [[1, 90], [10, 9], [500, 1]];
  const at = (share) => resample(distribution, [nines(share)])[0];
  assert.equal(at(0), 1);
  assert.equal(at(0.9), 1);
  assert.equal(at(0.95), 10);
  assert.equal(at(0.99), 10);
  assert.equal(at(0.999), null, "a hundred requests cannot tell");
});

test("nothing in, gaps out", () => {
  assert.deepEqual(resample([], [0, 1]), [null, null]);
});
