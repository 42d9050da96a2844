// What a page does beyond standing there: draws its charts, and is fetched again, part by part, when something has changed.
import { drawAll, redraw } from "./charts.js";

const root = document.documentElement;
const told = document.getElementById("live-state");
const FRESH_MS = 300; // at least, between two fetches of a page that changes all the time
const zone = document.body.dataset.zone || "UTC";
const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)/g; // as asked.py has it
// What is under way, what is to be fetched after it, whether there is news, when the last fetch began and how long it took.
let fetching = false, next = null, wanted = false, due = 0, last = 0, took = 0, newest = "";

// An instant, or those in a sentence, in the site's local time.
function local(words) { return words.replace(INSTANT, (found) => clock.format(new Date(found))); }

export async function send(path, method, body) {
  const { csrf } = await (await fetch("/session")).json();
  const headers = { "X-CSRF-Token": csrf };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(typeof said.detail === "string" ? said.detail : `the portal answered ${answer.status}`);
  }
  return answer;
}

// Fetch the page and put in what is different; forms that are being filled in stay as they are.
async function refresh(address = location.href, kept = true) {
  if (fetching) { next = [address, kept]; return; }
  clearTimeout(due);
  due = 0;
  wanted = false;
  fetching = true;
  last = performance.now();
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html", "X-News": newest } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelectorAll("[data-part]");
    const here = document.querySelectorAll("[data-part]");
    if (found.length !== here.length) { document.getElementById("main").replaceChildren(...page.getElementById("main").childNodes); drawAll(); return; }
    found.forEach((part, number) => replace(here[number], part, kept));
  } catch {
    told.textContent = "not reached; shown as it was";
  } finally {
    fetching = false;
    took = performance.now() - last;
    if (next) { const asked = next; next = null; refresh(...asked); } else if (wanted) soon();
  }
}

// Once, as early as may be: a page that takes long is fetched less often.
function soon() {
  wanted = true;
  if (fetching || document.hidden || due) return;
  due = setTimeout(refresh, Math.max(0, last + Math.max(FRESH_MS, 2 * took) - performance.now()));
}

function replace(old, fresh, kept) {
  if (old.dataset.html === undefined) old.dataset.html = old.dataset.html ?? "";
  const html = fresh.innerHTML;
  if (old.dataset.html === html) return;
  old.dataset.html = html;
  if (kept && fresh.querySelector("[data-keep]") && fresh.children.length === 1 && fresh.firstElementChild.matches("[data-keep]")) return;
  const forms = new Map([...old.querySelectorAll("[data-keep]")].map((one) => [one.dataset.keep, one]));
  const scrolled = [...old.querySelectorAll(".wide")].map((one) => one.scrollLeft);
  const focus = document.activeElement?.id && old.contains(document.activeElement) ? document.activeElement.id : null;
  redraw.before(old);
  old.replaceChildren(...document.importNode(fresh, true).childNodes);
  for (const one of old.querySelectorAll("[data-keep]")) {
    const mine = kept && forms.get(one.dataset.keep);
    if (mine) one.replaceWith(mine);
  }
  old.querySelectorAll(".wide").forEach((one, number) => { one.scrollLeft = scrolled[number] ?? 0; });
  if (focus) document.getElementById(focus)?.focus();
  drawAll(old);
}

// What was changed here is shown at once, and again when answers that were kept for a second are old.
function acted() { refresh(); setTimeout(refresh, 1200); }

// Server-sent events; the browser comes back by itself and says which it had last.
function listen(path) {
  const events = new EventSource(path);
  events.addEventListener("changed", (event) => {
    const news = JSON.parse(event.data);
    told.textContent = `live · ${local(news.now)} ${zone}`;
    newest = event.lastEventId;
    soon();
  });
  events.addEventListener("error", () => { told.textContent = "not connected; trying again"; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) soon(); });
  addEventListener("pagehide", () => events.close());
}

document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("iles-theme", root.dataset.theme); } catch { /* it holds for this page, then */ }
  redraw.all();
});

// A form that asks changes the address without loading the whole page; the slider does so while it is moved.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get" || form.id === "proof" || form.dataset.action || !form.classList.contains("asked")) return;
  event.preventDefault();
  show(form, true);
});
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (event.target.tagName === "SELECT" && form?.method === "get" && form.classList.contains("asked") && form.id !== "consent" && !form.dataset.action) show(form, true);
});
let sliding = 0;
document.addEventListener("input", (event) => {
  if (event.target.type !== "range") return;
  clearTimeout(sliding);
  sliding = setTimeout(() => show(event.target.form, false), 60);
});

function show(form, whole) {
  const address = new URL(location.pathname, location.origin);
  for (const [name, value] of new FormData(form)) address.searchParams.set(name, value);
  // Another day, or point, begins with its own time.
  if (whole && address.searchParams.get("day") !== new URLSearchParams(location.search).get("day")) address.searchParams.delete("isp");
  history.replaceState(null, "", address);
  refresh(address.href, !whole);
}

document.addEventListener("click", async (event) => {
  if (event.target.matches("[data-print]")) print();
  const uid = event.target.dataset?.withdraw;
  if (!uid) return;
  event.target.disabled = true;
  try { await send(`/data/consents?uid=${encodeURIComponent(uid)}`, "DELETE"); acted(); } catch (error) { event.target.replaceWith(error.message); }
});

const consent = document.getElementById("consent");
consent?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = Object.fromEntries(new FormData(consent));
  const constraint = [{ leftOperand: "purpose", operator: "eq", rightOperand: given.purpose }];
  if (given.until) constraint.push({ leftOperand: "dateTime", operator: "lt", rightOperand: { "@value": `${given.until}T23:59:59+00:00`, "@type": "xsd:dateTime" } });
  const permission = { target: [`urn:iles:usage-point:${given.home}#${given.scope}`], assigner: consent.dataset.giver, assignee: given.assignee, action: "read", constraint };
  const words = consent.querySelector("[role=status]");
  try {
    await send("/data/consents", "POST", { "@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Agreement", permission: [permission] });
    words.textContent = "Given; it holds from now on.";
    acted();
  } catch (error) { words.textContent = error.message; }
});

// The agent's answer stands where it was asked for, on pages too that have no list of answers.
async function answered(actions, number, words) {
  for (let tries = 0; tries < 40; tries += 1) {
    await new Promise((done) => { setTimeout(done, 250 + 50 * tries); });
    const told = await (await fetch(`${actions}/${encodeURIComponent(number)}`)).json();
    if (told.state === "accepted" || told.state === "refused") { words.textContent = `${told.state}: ${local(told.reason)}`; return; }
  }
  words.textContent = "asked; no answer has come yet: it will stand among the answers";
}

// A form that acts: its fields as JSON, under a number of its own, so that one sent twice is the same request.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.action) return;
  event.preventDefault();
  if (form.dataset.sure && !confirm(form.dataset.sure)) return;
  const words = form.querySelector("[role=status]"), button = form.querySelector("button");
  const body = form.dataset.action.includes("/actions/") ? { number: form.dataset.number ??= crypto.randomUUID() } : {};
  for (const field of form.elements) {
    if (!field.name) continue;
    const { value } = field;
    if ("emptyNull" in field.dataset && value === "") body[field.name] = null;
    else if ("thousand" in field.dataset) body[field.name] = Math.round(Number(value) * 1000);
    else if ("bool" in field.dataset) body[field.name] = value === "true";
    else if ("offset" in field.dataset) body[field.name] = `${value}:00${field.dataset.offset}`;
    else body[field.name] = "number" in field.dataset ? Number(value) : value;
  }
  button.disabled = true;
  try {
    const told = await (await send(form.dataset.action, "POST", body)).json();
    delete form.dataset.number;
    if (!told.number) { words.textContent = "Noted."; form.reset(); acted(); return; }
    words.textContent = "asked; the agent has not answered yet";
    acted();
    await answered(form.dataset.action.split("/").slice(0, 3).join("/"), told.number, words);
    acted();
  } catch (error) { words.textContent = error.message; } finally { button.disabled = false; }
});

for (const part of document.querySelectorAll("[data-part]")) part.dataset.html = part.innerHTML;
drawAll();
if (document.getElementById("proof")) import("./proof.js");
if (document.body.dataset.live) listen(document.body.dataset.live);
