// SPDX-License-Identifier: MIT
// Server-Sent Events: each is acknowledged before the next is sent. node events.mjs URL
import http from "node:http";
import https from "node:https";

const base = new URL(process.argv[2]);
const { get } = base.protocol === "https:" ? https : http;

get(new URL("/events", base), { headers: { accept: "text/event-stream" } }, (response) => {
  const seen = [];
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (more) => {
    text += more;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const data = text.slice("data: ".length, end);
      text = text.slice(end + 2);
      seen.push(data);
      get(new URL(`/seen/${data}`, base), (answer) => answer.resume());
    }
  });
  response.on("end", () => {
    console.log(JSON.stringify({ type: response.headers["content-type"], seen }));
  });
});
