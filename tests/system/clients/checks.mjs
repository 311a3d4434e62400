// SPDX-License-Identifier: MIT
// What each client does, in turn: `request(method, path, body)` gives {status, length, body}, where
// `body` sent may be bytes or an async generator (then chunked). Printed as JSON, a row a request.
import { createHash } from "node:crypto";

const BLOCK = Buffer.alloc(30000, "block of a body\n");

async function* pieces() {
  for (let i = 0; i < 10; i++) yield BLOCK;
}

const REQUESTS = [
  ["GET", "/small"],
  ["GET", "/large"],
  ["HEAD", "/large"],
  ["GET", "/chunked"],
  ["POST", "/echo", () => Buffer.concat(Array(10).fill(BLOCK))],
  ["POST", "/echo", pieces],
  ["GET", "/nothing"],
  ["GET", "/missing"],
];

export async function perform(request) {
  const rows = [];
  for (const [method, path, body] of REQUESTS) {
    const { status, length, body: got } = await request(method, path, body?.());
    const sum = createHash("sha256").update(got).digest("hex");
    rows.push([method, path, status, length ?? null, got.length, sum]);
  }
  const together = await Promise.all(Array.from({ length: 20 }, () => request("GET", "/small")));
  rows.push(["together", together.filter(({ status }) => status === 200).length]);
  console.log(JSON.stringify(rows));
}
