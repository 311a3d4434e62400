// SPDX-License-Identifier: MIT
// node's own http and https: node http.mjs URL
import http from "node:http";
import https from "node:https";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";

import { perform } from "./checks.mjs";

const base = new URL(process.argv[2]);
const { request: start, Agent } = base.protocol === "https:" ? https : http;
const agent = new Agent({ keepAlive: true });

await perform((method, path, body) => new Promise((resolve, reject) => {
  const streamed = body && !Buffer.isBuffer(body);
  const headers = body && !streamed ? { "content-length": body.length } : {};
  const sent = start(new URL(path, base), { method, agent, headers }, async (response) => {
    const { statusCode: status, headers: { "content-length": length } } = response;
    resolve({ status, length, body: await buffer(response) });
  });
  sent.on("error", reject);
  if (streamed) Readable.from(body).pipe(sent);
  else sent.end(body);
}));
agent.destroy();
