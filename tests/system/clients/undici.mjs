// SPDX-License-Identifier: MIT
// node undici.mjs URL [pipelined]
import { readFileSync } from "node:fs";

import { Pool } from "undici";

import { perform } from "./checks.mjs";

const [, , url, pipelined] = process.argv;
const ca = process.env.NODE_EXTRA_CA_CERTS;
const pool = new Pool(url, {
  connections: 4,
  pipelining: pipelined ? 5 : 1,
  connect: ca ? { ca: readFileSync(ca) } : {},
});

await perform(async (method, path, body) => {
  const { statusCode: status, headers, body: got } = await pool.request({ method, path, body });
  const bytes = Buffer.from(await got.arrayBuffer());
  return { status, length: headers["content-length"], body: bytes };
});
await pool.close();
