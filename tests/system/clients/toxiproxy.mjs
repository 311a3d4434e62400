// SPDX-License-Identifier: MIT
// toxiproxy-node-client: node toxiproxy.mjs API UPSTREAM. Prints what each call came to, as JSON: an
// array of [what was called, what it gave].
import { Toxiproxy } from "toxiproxy-node-client";

const [api, upstream] = process.argv.slice(2);
const toxiproxy = new Toxiproxy(api);
const transcript = [];

// Ports differ from run to run.
const named = (value) => JSON.parse(JSON.stringify(value).replaceAll(upstream, "UPSTREAM")
  .replaceAll(/127\.0\.0\.1:\d+/g, "LISTEN"));

async function call(what, perform, show = (value) => value?.toJson?.() ?? value ?? null) {
  try {
    const value = await perform();
    transcript.push([what, named(show(value))]);
    return value;
  } catch (error) {
    transcript.push([what, { failed: error.message }]);
    return undefined;
  }
}

const answer = ({ status, data }) => ({ status, data });
const all = (proxies) => Object.keys(proxies).map((name) => proxies[name].toJson());
const listen = "127.0.0.1:0";

await call("version", () => toxiproxy.getVersion(), answer);
await call("none", () => toxiproxy.getAll(), all);
const proxy = await call("create", () => toxiproxy.createProxy({ name: "one", listen, upstream }));
await call("create again", () => toxiproxy.createProxy({ name: "one", listen, upstream }));
await call("create without a name", () => toxiproxy.createProxy({ listen, upstream }));
await call("create without an upstream", () => toxiproxy.createProxy({ name: "two", listen }));
await call("get", () => toxiproxy.get("one"));
await call("get another", () => toxiproxy.get("other"));
await call("populate", () => toxiproxy.populate([
  { name: "two", listen, upstream },
  { name: "three", listen, upstream, enabled: false },
]), all);
await call("populate badly", () => toxiproxy.populate([{ name: "four", listen, upstream }, { listen }]));
await call("all", () => toxiproxy.getAll(), all);

const toxics = [
  ["latency", { latency: 1000, jitter: 50 }],
  ["bandwidth", { rate: 64 }],
  ["slow_close", { delay: 250 }],
  ["timeout", { timeout: 500 }],
  ["reset_peer", { timeout: 100 }],
  ["slicer", { average_size: 100, size_variation: 20, delay: 10 }],
  ["limit_data", { bytes: 4096 }],
  ["noop", {}],
];
for (const [type, attributes] of toxics) {
  const name = `a-${type}`;
  const toxic = await call(`add ${type}`, () =>
    proxy.addToxic({ type, name, stream: "upstream", toxicity: 0.5, attributes }));
  await call(`get ${type}`, () => proxy.getToxic(name));
  await call(`update ${type}`, () => toxic.update({ toxicity: 1, attributes: { latency: 7, rate: 7 } }));
  await call(`remove ${type}`, () => toxic.remove(), answer);
  await call(`get removed ${type}`, () => proxy.getToxic(name));
}
await call("add by defaults", () => proxy.addToxic({ type: "latency", attributes: {} }));
await call("add again", () => proxy.addToxic({ type: "latency", attributes: {} }));
await call("add an unknown type", () => proxy.addToxic({ type: "unknown", attributes: {} }));
await call("add to no stream", () => proxy.addToxic({ type: "noop", stream: "up", attributes: {} }));
await call("add ours", () => proxy.addToxic({ type: "idle_close", attributes: { idle: 5000 } }));

await call("disable", () => proxy.update({ enabled: false }));
await call("enable", () => proxy.update({ enabled: true, listen: proxy.listen, upstream }));
await call("reset", () => toxiproxy.reset(), answer);
await call("all after reset", () => toxiproxy.getAll(), all);
await call("remove", () => proxy.remove());
await call("remove again", () => proxy.remove());
await call("get removed", () => toxiproxy.get("one"));

console.log(JSON.stringify(transcript));
