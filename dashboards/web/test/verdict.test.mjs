// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";

import { readReport } from "../src/data.js";
import { extremesOf } from "../src/results.js";
import { alignment, alignmentSentence, axisOf, cautions, evidenceSentence, verdict } from "../src/verdict.js";

const variant = (label, requests, failed, p99 = 20) => ({
  label,
  table: { requests, gateway_failures: failed, failure_rate: failed / requests, p99_ms: p99 },
});
const report = (parts) => readReport(JSON.stringify(parts));
const plain = (text) => text.replaceAll(/[\u00a0\u202f]/g, " ");

test("names the worst variant, its cause and those without failures", () => {
  const causes = [{ name: "response_timeout", counts: { deferred: 31 } }];
  const variants = [variant("inline", 1000, 0), variant("deferred", 1000, 31), variant("pooled", 1000, 0)];
  assert.equal(
    plain(verdict(report({ variants, causes }))),
    "With deferred, 3.1 % of requests failed at the gateway (response_timeout); inline and pooled: none.",
  );
});

test("says mostly when one cause is behind more than half", () => {
  const causes = [{ name: "queue_timeout", counts: { a: 10 } }, { name: "response_timeout", counts: { a: 21 } }];
  const text = plain(verdict(report({ variants: [variant("a", 1000, 31)], causes })));
  assert.equal(text, "3.1 % of requests failed at the gateway (mostly response_timeout).");
});

test("a p99 among requests that were given up is no time they were answered within", () => {
  const given = variant("a", 1000, 0, 400);
  given.table.at_least = ["p99_ms"];
  const clean = plain(verdict(report({ variants: [given, variant("b", 1000, 0, 600)] })));
  assert.doesNotMatch(clean, /p99|99 %/);
  assert.match(plain(verdict(report({ variants: [variant("b", 1000, 0, 600)] }))), /99 % of them/);
});

test("a lower bound is neither the best nor the worst", () => {
  const column = { key: "p99_ms", better: "low" };
  const bound = (p99) => ({ table: { requests: 1000, p99_ms: p99, at_least: ["p99_ms"] } });
  const known = (p99) => ({ table: { requests: 1000, p99_ms: p99 } });
  assert.deepEqual(extremesOf(column, [known(400), known(900)]), { best: 400, worst: 900 });
  assert.deepEqual(extremesOf(column, [bound(400), known(900)]), { best: undefined });
  assert.deepEqual(extremesOf(column, [known(400), bound(900)]), { best: 400 });
});

test("many variants are summed up", () => {
  const variants = Array.from({ length: 12 }, (_, i) => variant(`v${i}`, 1000, i < 6 ? 0 : i));
  assert.equal(
    plain(verdict(report({ variants }))),
    "With v11, 1.1 % of requests failed at the gateway; 5 others between 0.6 % and 1 %; 6 variants: none.",
  );
});

test("no failure is said to be none, with the tails compared", () => {
  const text = plain(verdict(report({ variants: [variant("a", 500, 0, 400), variant("b", 500, 0, 20)] })));
  assert.equal(
    text,
    "None of 1,000 requests failed at the gateway in any of the 2 variants. The tails differ: p99 400 ms with a, 20 ms with b.",
  );
});

test("many that got no answer are not passed over in silence", () => {
  const killed = variant("killed", 1000, 0);
  killed.table.client_only_failures = 420;
  const few = variant("few", 1000, 0);
  few.table.client_only_failures = 10;
  assert.match(
    plain(verdict(report({ variants: [few, killed] }))),
    /^None of 2,000 requests failed at the gateway.* But 42 % of requests got no answer with killed, for no failure that the gateway counts\.$/,
  );
  assert.doesNotMatch(verdict(report({ variants: [few] })), /But/);
});

test("a run without requests claims nothing", () => {
  assert.match(verdict(report({ variants: [] })), /Nothing was measured/);
  assert.match(verdict(report({ variants: [{ label: "a", table: { requests: 0 } }] })), /Nothing was measured/);
});

test("a share that is not zero never reads as zero", () => {
  assert.match(plain(verdict(report({ variants: [variant("a", 10_000_000, 1)] }))), /^< 0\.001 % of requests/);
});

test("doubts: a cut run, a starved machine, dropped records", () => {
  const machine = { cores: 2, busy_share: 0.97, load_lag_p99_ms: 1, load_lag_max_ms: 3, records_dropped: 2 };
  const found = cautions(report({ complete: false, problem: "Ctrl-C", machine }));
  assert.equal(found.length, 3);
  assert.match(found[0], /cut short: Ctrl-C/);
  assert.match(found[1], /starved/);
  assert.deepEqual(cautions(report({ machine: { busy_share: 0.5, load_lag_p99_ms: 1, records_dropped: 0 } })), []);
});

test("failures are set beside the time that lies near a pause", () => {
  const round = {
    t: [0, 1, 2, 3],
    failures: { response_timeout: [0, 8, 0, 2] },
    pauses: [{ from: 1.2, to: 1.4, kind: "injected" }],
  };
  const found = report({ bucket_s: 1, response_timeout_ms: 100, variants: [{ label: "a", rounds: [round] }] });
  assert.deepEqual(alignment(found, 0.1), { failures: 10, failuresNear: 8, buckets: 4, bucketsNear: 1 });
  assert.equal(
    plain(alignmentSentence(found)),
    "80 % of the failures lie within 100 ms of a pause of 10 ms or more, which is 25 % of the time.",
  );
});

test("failures that do not follow the pauses are said not to", () => {
  const round = { t: [0, 1], failures: { no_endpoint: [5, 5] }, pauses: [{ from: 0.2, to: 0.4 }] };
  const during = (pauses) => report({ bucket_s: 1, response_timeout_ms: 100, variants: [{ rounds: [{ ...round, pauses }] }] });
  assert.match(alignmentSentence(during(round.pauses)), /^The failures do not gather around the pauses/);
  assert.match(alignmentSentence(during([{ from: 0.2, to: 0.205 }])), /^No pause that matters/);
});

const budget = (value, failed) => ({
  ...variant(value, 1000, failed),
  values: { "/gateway/upstreams/orders/retry/budget": value },
});

test("a bare figure is said with its key, and those that are alike together", () => {
  const variants = [budget("0%", 0), budget("10%", 124), budget("50%", 832), budget("100%", 832)];
  assert.equal(
    plain(verdict(report({ variants }))),
    "With retry.budget 50 % and 100 %, 83.2 % of requests failed at the gateway; 10 %: 12.4 %; 0 %: none.",
  );
  assert.equal(
    plain(verdict(report({ variants: [budget("50%", 832), budget("100%", 832)] }))),
    "With each of the 2 variants, 83.2 % of requests failed at the gateway.",
  );
});

test("an axis is named by its last steps, and where a label is words, not at all", () => {
  const axis = (pointer, value, label = String(value)) => axisOf({ label, values: { [pointer]: value } });
  assert.equal(axis("/load/rate", "130/s"), "load.rate");
  assert.equal(axis("/gateway/upstreams/orders/timeout/response", "75ms"), "timeout.response");
  assert.equal(axis("/backends/orders/config/handlers/~1orders/timeout", "1s"), "timeout");
  assert.equal(axis("/faults/0/pause", "50ms"), "pause");
  assert.equal(axis("/backends/orders/config/cleanup", "deferred"), "");
  assert.equal(axis("/load/rate", "130/s", "10 more than usual"), "");
  assert.equal(axisOf({ label: "1s, 2s", values: { "/a": "1s", "/b": "2s" } }), "");
});

test("where each failure was looked into, that is said, and not how they lie in time", () => {
  const round = { t: [0, 1], failures: { response_timeout: [5, 5] }, pauses: [{ from: 0.2, to: 0.4 }] };
  const seen = (failed) =>
    plain(evidenceSentence(report({ bucket_s: 1, response_timeout_ms: 100, variants: [{ rounds: [round], blame: { failed } }] })));
  const injected = { class: "injected", name: "gc", count: 849 };
  const rest = { class: "unattributed", name: "", count: 79 };
  assert.equal(seen([rest, injected]), "849 of 928 failures are blamed on the injected gc.");
  assert.equal(seen([rest]), "79 of 79 failures cannot be attributed: nothing that was recorded explains them.");
  assert.equal(seen([{ class: "idle_race", name: "", count: 1 }]), "1 of 1 failure is blamed on the keep-alive race.");
  assert.match(seen([]), /^The failures do not gather around the pauses/);
});
