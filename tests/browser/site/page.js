"use strict";

document.getElementById("origin").textContent = location.origin;

/** Calls the API as any page would; returns what its script may read, or `refused` where the browser lets it read nothing. */
async function call(url, { method = "GET", headers = {}, body } = {}) {
  let seen;
  try {
    const answer = await fetch(url, { method, headers, body });
    const text = await answer.text();
    seen = { status: answer.status, headers: Object.fromEntries(answer.headers), text };
  } catch (error) {
    seen = { refused: String(error) };
  }
  show(method, new URL(url).pathname, seen);
  return seen;
}

function show(method, path, seen) {
  const line = document.createElement("li");
  const status = document.createElement("strong");
  status.textContent = seen.refused ? "refused" : String(seen.status);
  status.className = seen.refused || seen.status >= 400 ? "bad" : "";
  const headers = document.createElement("small");
  headers.textContent = seen.refused ?? Object.keys(seen.headers).join(", ");
  line.append(status, ` ${method} …${path.slice(path.indexOf("/dev"))}`, headers);
  document.getElementById("calls").append(line);
}
