"use strict";
const at = (id) => document.getElementById(id);
const known = new Map();

at("definition").value = JSON.stringify({
  name: "my-query", dataset: "readings", attributes: ["usage_point", "begin", "value", "quality"],
  window: { begin: "$since" }, parameters: [{ name: "since", type: "instant", default: "2016-01-01T00:00:00Z" }],
}, null, 2);

async function call(path, options = {}) {
  // The session's cookie says who asks; what acts brings its token back.
  const headers = { "X-CSRF-Token": (await (await fetch("/session")).json()).csrf };
  const answer = await fetch(path, { ...options, headers });
  const body = await answer.json();
  if (!answer.ok) throw new Error(answer.status + ": " + (typeof body.detail === "string" ? body.detail : JSON.stringify(body.detail)));
  return body;
}

function tell(words) { at("told").textContent = words; }

function show(rows) {
  const table = at("rows");
  table.replaceChildren();
  if (!rows.length) return;
  const head = table.insertRow();
  for (const name of Object.keys(rows[0])) {
    const cell = document.createElement("th");
    cell.textContent = name;
    head.append(cell);
  }
  for (const row of rows) {
    const line = table.insertRow();
    for (const value of Object.values(row)) line.insertCell().textContent = value === null ? "" : String(value);
  }
}

async function guarded(work) {
  tell("…");
  show([]);
  try { await work(); } catch (error) { tell(error.message); }
}

at("list").addEventListener("click", () => guarded(async () => {
  const found = await call("/data/queries");
  at("query").replaceChildren(new Option("of my own", ""));
  known.clear();
  for (const one of found) {
    known.set(one.name, one);
    at("query").add(new Option(one.title || one.name, one.name));
  }
  tell(found.length + " queries");
}));

at("query").addEventListener("change", () => {
  const one = known.get(at("query").value);
  if (one) at("definition").value = JSON.stringify(one, null, 2);
});

at("access").addEventListener("click", () => guarded(async () => {
  tell(JSON.stringify(await call("/data/access?purpose=" + encodeURIComponent(at("purpose").value)), null, 2));
}));

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  guarded(async () => {
    const body = JSON.stringify({ definition: JSON.parse(at("definition").value), parameters: JSON.parse(at("parameters").value) });
    const answer = await call("/data/try?purpose=" + encodeURIComponent(at("purpose").value), { method: "POST", body });
    tell(answer.rows.length + " rows" + (answer.next_start === null ? "" : ", and more") + "; by " + answer.policies.join(", "));
    show(answer.rows);
  });
});
