// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { readReport } from "../src/data.js";
import { casesOf, rowsOf } from "../src/matrix.js";

const read = (...gateways) =>
  readReport(JSON.stringify({ variants: gateways.map((gateway, i) => ({ label: String(i), gateway })) })).variants.map(
    (variant) => variant.gateway,
  );

test("each way to fail has a row, and what was saved one more", () => {
  const [gateway] = read({
    name: "nginx",
    case: "refused",
    answered_after_retry: 3,
    failures: [
      { seen: "502", cause: "connect_refused", says: "refused", count: 5, tried_again: 4, unlogged: 0 },
      { seen: "closed", cause: "unknown", says: "", count: 2, tried_again: 0, unlogged: 2 },
    ],
  });
  assert.deepEqual(rowsOf(gateway), [
    ["nginx", "502", "5", "connect_refused", "refused", "4", "0"],
    ["nginx", "closed", "2", "unknown", "(nothing)", "0", "2"],
    ["nginx", "answers", "3", "", "", "3", ""],
  ]);
});

test("a gateway that nothing failed behind says so", () => {
  const [gateway] = read({ name: "haproxy", failures: [] });
  assert.deepEqual(rowsOf(gateway), [["haproxy", "only answers", "", "", "", "", ""]]);
});

test("a gateway that was asked nothing has no answers", () => {
  const variants = [{ label: "a", table: { requests: 0 }, gateway: { name: "nginx", failures: [] } }];
  const [{ gateway }] = readReport(JSON.stringify({ variants })).variants;
  assert.deepEqual(rowsOf(gateway), [["nginx", "not measured", "", "", "", "", ""]]);
});

test("gateways stand together that met the same", () => {
  const gateways = read({ name: "a", case: "x" }, { name: "b", case: "x" }, { name: "a", case: "y" });
  assert.deepEqual(casesOf(gateways).map((list) => list.map((each) => each.name)), [["a", "b"], ["a"]]);
});

test("other runs have no gateways to compare", () => {
  assert.deepEqual(read(undefined), [null]);
});
