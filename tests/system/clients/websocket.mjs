// SPDX-License-Identifier: MIT
// WebSockets: node websocket.mjs serve (prints its port), node websocket.mjs talk URL
import { once } from "node:events";

import { WebSocket, WebSocketServer } from "ws";

const [, , role, url] = process.argv;

function serve() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (socket) => {
    socket.on("message", (data, binary) => {
      if (String(data) === "close") socket.close(4001, "as asked");
      else socket.send(data, { binary });
    });
  });
}

async function talk() {
  const socket = new WebSocket(url);
  await once(socket, "open");
  const large = Buffer.alloc(1 << 20, "large");
  const rows = [];
  for (const data of ["hello", large]) {
    socket.send(data);
    const [back] = await once(socket, "message");
    rows.push(Buffer.from(data).equals(back));
  }
  socket.ping("are you there");
  rows.push(String((await once(socket, "pong"))[0]));
  socket.send("close");
  const [code, reason] = await once(socket, "close");
  console.log(JSON.stringify([...rows, code, String(reason)]));
}

if (role === "serve") serve();
else await talk();
