// One key per verdict. Without this script the page still works: every button submits its form.
// It runs before the page is there, so that no key is lost: elements are looked up when they are needed.
"use strict";
const element = (id) => document.getElementById(id);
const AGAIN_MS = 15000; // how often a page without images looks for new ones
let shownAt = 0;
let sending = false;
let again = 0;

// ---- the image on screen

function fresh() {
  const picture = element("picture");
  clearTimeout(again);
  if (!picture) {
    if (element("waiting")) again = setTimeout(load, AGAIN_MS);
    return;
  }
  shownAt = 0;
  const seen = () => { shownAt = performance.now(); };
  if (isSeen(picture)) seen(); else picture.addEventListener("load", seen, { once: true });
  for (const link of element("stage").querySelectorAll("[data-ahead]")) new Image().src = link.dataset.ahead;
}

function isSeen(picture) { return picture.complete && picture.naturalWidth > 0; }

function say(text) { element("message").textContent = text; }

function swap(html) {
  const active = document.activeElement?.id;
  element("stage").innerHTML = html;
  if (active && element(active)) element(active).focus({ preventScroll: true });
  fresh();
}

async function send(url, data) {
  if (sending) return;
  sending = true;
  try {
    const answer = await fetch(url, { method: "POST", body: data, headers: { "x-fragment": "1" } });
    if (answer.status === 401) return location.assign("/signin");
    if (answer.status === 204) return location.assign(`/reviews/${element("stage").dataset.review}/judged`);
    if (!answer.ok) {
      const problem = (await answer.json()).error;
      if (answer.status === 409) await load();
      return say(problem);
    }
    swap(await answer.text());
    say("");
  } catch {
    say(element("stage").dataset.failed);
  } finally {
    sending = false;
  }
}

async function load() {
  const url = `/reviews/${element("stage").dataset.review}`;
  try {
    const answer = await fetch(url, { headers: { "x-fragment": "1" } });
    if (answer.ok) swap(await answer.text());
  } catch {
    fresh();
  }
}

function judge(extra) {
  const form = element("judge");
  if (!form) return;
  if (extra.action !== "skip" && !isSeen(element("picture"))) return say(element("stage").dataset.missing);
  const data = new URLSearchParams(new FormData(form));
  data.set("seconds", shownAt ? ((performance.now() - shownAt) / 1000).toFixed(2) : "0");
  data.set("action", form.dataset.action);
  for (const [name, value] of Object.entries(extra)) data.set(name, value);
  send(form.getAttribute("action"), data);
}

function undo() { send(`/reviews/${element("stage").dataset.review}/undo`, new URLSearchParams()); }

function turn(row) {
  const order = ["right", "wrong", "unsure"];
  const inputs = [...row.querySelectorAll("input")];
  if (!inputs.length) return;
  const now = inputs.find((input) => input.checked).value;
  const next = order[(order.indexOf(now) + 1) % order.length];
  inputs.find((input) => input.value === next).checked = true;
  row.dataset.answer = next;
}

// ---- zoom: fit, 1:1, 2:1, wheel, drag, and the photographs beside the image

const view = { scale: 1, x: 0, y: 0, at: 0, drag: null };

function sources() { return [...element("stage").querySelectorAll("[data-zoom]")]; }

function magnify(at) {
  if (!sources().length) return;
  if (!element("zoom").open) element("zoom").showModal();
  view.at = (at + sources().length) % sources().length;
  const source = sources()[view.at];
  const image = element("zoomed");
  image.alt = source.querySelector("img").alt;
  element("zoom-caption").textContent = image.alt;
  image.src = source.dataset.zoom;
  image.decode().then(fit, () => {});
}

function room() { return element("zoom-room").getBoundingClientRect(); }

function fit() {
  const image = element("zoomed"), { width, height } = room();
  view.scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
  view.x = (width - image.naturalWidth * view.scale) / 2;
  view.y = (height - image.naturalHeight * view.scale) / 2;
  place();
}

function scaleTo(scale, x = room().width / 2, y = room().height / 2) {
  const to = Math.min(32, Math.max(0.05, scale));
  view.x = x - (x - view.x) * (to / view.scale);
  view.y = y - (y - view.y) * (to / view.scale);
  view.scale = to;
  place();
}

function place() {
  element("zoomed").style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  element("zoom").dataset.scale = view.scale.toFixed(3);
}

const ZOOM = {
  "0": fit,
  "1": () => scaleTo(1 / devicePixelRatio),
  "2": () => scaleTo(2 / devicePixelRatio),
  arrowright: () => magnify(view.at + 1),
  arrowleft: () => magnify(view.at - 1),
  z: () => element("zoom").close(),
};

// ---- keys

// The letter or digit that a key stands for. Letters of the Latin alphabet are what is printed on the key; where the
// layout has others (Cyrillic, Greek), or digits need a shift (French), the place of the key counts.
function keyOf(event) {
  if (/^[a-z0-9?]$/i.test(event.key)) return event.key.toLowerCase();
  const [, letter, digit] = /^(?:Key([A-Z])|(?:Digit|Numpad)([0-9]))$/.exec(event.code) || [];
  if (letter) return letter.toLowerCase();
  if (digit && !event.shiftKey) return digit;
  if (event.code === "Slash" && event.shiftKey) return "?";
  return event.key.toLowerCase();
}

function isComposing(event) { return event.isComposing || event.keyCode === 229; }

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isComposing(event)) return;
  if (event.target.matches("input[type=text], input[type=password], input[type=number], textarea, select")) {
    if (event.key === "Enter" && event.target.name === "comment") {
      event.preventDefault();
      if (!event.repeat) judge({});
    }
    return;
  }
  const key = keyOf(event);
  if (element("zoom")?.open) {
    if (ZOOM[key]) { event.preventDefault(); if (!event.repeat) ZOOM[key](); }
    return;
  }
  const open = document.querySelector("dialog[open]");
  if (open) { if (key === "?" && !event.repeat) open.close(); return; }
  const act = action(key, event.target);
  if (!act) return;
  event.preventDefault();
  if (!event.repeat) act(); // a key that is held down is pressed once
});

function action(key, target) {
  const stage = element("stage");
  if (!stage) return null;
  const marked = key.length === 1 && stage.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (key === "a") return () => judge({ action: "accept" });
  if (key === "u") return undo;
  if (key === "s") return () => judge({ action: "skip" });
  if (key === "z") return () => magnify(0);
  if (key === "j") return () => location.assign(`/reviews/${stage.dataset.review}/judged`);
  if (key === "?") return () => element("help").showModal();
  if (/^[1-9]$/.test(key)) {
    const button = stage.querySelectorAll(".reasons button")[Number(key) - 1];
    return button ? () => judge({ reason: button.value }) : null;
  }
  if (key === "enter") return target.matches("button, a, summary") ? null : () => judge({});
  if (marked && marked.matches(".attribute")) return () => turn(marked);
  if (marked) return () => { const box = marked.querySelector("input"); box.checked = !box.checked; };
  return null;
}

// ---- buttons

document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  if (form.id !== "judge") return;
  event.preventDefault();
  if (button?.formAction.endsWith("/undo")) undo();
  else if (button?.name === "reason") judge({ reason: button.value });
  else judge(button?.value ? { action: button.value } : {});
});

document.addEventListener("change", (event) => {
  const row = event.target.closest(".attribute");
  if (row) row.dataset.answer = event.target.value;
});

document.addEventListener("click", (event) => {
  const source = event.target.closest("[data-zoom]");
  if (source) magnify(sources().indexOf(source));
  else if (event.target.closest("#show-help")) element("help").showModal();
  else if (event.target.closest("[data-scale-to]")) ZOOM[event.target.closest("[data-scale-to]").dataset.scaleTo]();
});

document.addEventListener("wheel", (event) => {
  if (!event.target.closest?.("#zoom-room")) return;
  event.preventDefault();
  const { left, top } = room();
  scaleTo(view.scale * Math.exp(-event.deltaY * 0.0015), event.clientX - left, event.clientY - top);
}, { passive: false });

document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest("#zoom-room")) return;
  event.preventDefault();
  view.drag = { x: event.clientX - view.x, y: event.clientY - view.y };
});
document.addEventListener("pointermove", (event) => {
  if (!view.drag) return;
  view.x = event.clientX - view.drag.x;
  view.y = event.clientY - view.drag.y;
  place();
});
for (const over of ["pointerup", "pointercancel"]) document.addEventListener(over, () => { view.drag = null; });
addEventListener("resize", () => { if (element("zoom")?.open) fit(); });
document.addEventListener("DOMContentLoaded", fresh);
