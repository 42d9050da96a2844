// The wall display: server-sent events say that something has changed, then the page is fetched and put in part by part. Nobody
// touches it, so whatever happens it tries again, and says in large letters when what it shows is old.
import { drawAll, redraw } from "./charts.js";

const FRESH_MS = 900, LATE_MS = 15_000, AGAIN_MS = 5_000;
const state = document.getElementById("live-state");
const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: document.body.dataset.zone || "UTC", timeStyle: "medium" });
let fetching = false, due = 0, began = 0, shown = performance.now(), newest = "";

async function refresh() {
  due = 0;
  if (fetching) return;
  fetching = true;
  began = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-News": newest } });
    if (answer.redirected) { location.reload(); return; } // its log-in has ended
    if (!answer.ok) throw new Error(`the portal answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelectorAll("[data-part]"), here = document.querySelectorAll("[data-part]");
    if (fresh.length !== here.length) { location.reload(); return; }
    fresh.forEach((part, number) => {
      const old = here[number], html = part.innerHTML;
      if (old.dataset.html === html) return;
      old.dataset.html = html;
      redraw.before(old);
      old.replaceChildren(...document.importNode(part, true).childNodes);
      drawAll(old);
    });
    shown = performance.now();
  } catch {
    setTimeout(soon, AGAIN_MS);
  } finally {
    fetching = false;
  }
}

function soon() { due ||= setTimeout(refresh, Math.max(0, began + FRESH_MS - performance.now())); }

function listen() {
  const events = new EventSource("/live");
  events.addEventListener("changed", (event) => { newest = event.lastEventId; soon(); });
  // A browser gives up where the answer is an error; a wall does not.
  events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS); });
}

for (const part of document.querySelectorAll("[data-part]")) part.dataset.html = part.innerHTML;
drawAll();
listen();
setInterval(soon, 10_000); // also where nothing is told: the time goes on
setInterval(() => {
  const late = performance.now() - shown > LATE_MS;
  state.classList.toggle("late", late);
  state.textContent = late ? `no answer for ${Math.round((performance.now() - shown) / 1000)} s: what stands here is old` : `as of ${clock.format(Date.now() - (performance.now() - shown))}`;
}, 1000);
