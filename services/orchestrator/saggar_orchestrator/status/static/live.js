// Fetches what changes while an experiment runs. Without this script the page loads itself again every ten seconds.
"use strict";
const EVERY_MS = 1500, LONGEST_MS = 15000;
let wait = EVERY_MS, shown = "";

async function refresh() {
  const live = document.getElementById("live");
  try {
    const answer = await fetch(location.pathname, { headers: { "x-fragment": "1" } });
    if (answer.status === 401) return location.assign("/signin");
    if (answer.status === 404) return location.reload(); // deleted meanwhile: the page says so
    if (!answer.ok) throw new Error(String(answer.status));
    const html = await answer.text();
    document.getElementById("stale").textContent = "";
    wait = EVERY_MS;
    if (html !== shown) swap(live, html);
    shown = html;
    if (document.getElementById("now-state").dataset.now !== "running") return location.reload();
  } catch {
    document.getElementById("stale").textContent = live.dataset.stale;
    wait = Math.min(2 * wait, LONGEST_MS);
  }
  setTimeout(refresh, wait);
}

// What the reader has opened, scrolled or put the focus on stays so.
function swap(live, html) {
  const open = [...live.querySelectorAll("details[open]")].map((each) => each.id);
  const active = document.activeElement?.id;
  const scrolled = live.querySelector(".log")?.scrollTop ?? 0;
  live.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (live.querySelector(".log")) live.querySelector(".log").scrollTop = scrolled;
  if (active && document.getElementById(active)) document.getElementById(active).focus({ preventScroll: true });
}

if (document.getElementById("live").dataset.state === "running") setTimeout(refresh, EVERY_MS);
