// One key per verdict. Without this script the page still works: every button submits its form.
// It runs before the page is there, so that no key is lost: elements are looked up when they are needed.
"use strict";
const element = (id) => document.getElementById(id);
let shownAt = performance.now();
let sending = false;

function fresh() {
  shownAt = performance.now();
  for (const link of element("stage").querySelectorAll("[data-ahead]")) new Image().src = link.dataset.ahead;
}

async function send(url, data) {
  if (sending) return;
  sending = true;
  try {
    const answer = await fetch(url, { method: "POST", body: data, headers: { "x-fragment": "1" } });
    if (answer.status === 401) return location.assign("/signin");
    if (!answer.ok) {
      element("message").textContent = (await answer.json()).error;
      if (answer.status === 409) await load();
      return;
    }
    element("stage").innerHTML = await answer.text();
    element("message").textContent = "";
    fresh();
  } catch {
    element("message").textContent = element("stage").dataset.failed;
  } finally {
    sending = false;
  }
}

async function load() {
  const answer = await fetch(`/reviews/${element("stage").dataset.review}`, { headers: { "x-fragment": "1" } });
  if (answer.ok) { element("stage").innerHTML = await answer.text(); fresh(); }
}

function judge(extra) {
  const form = element("judge");
  if (!form) return;
  const data = new URLSearchParams(new FormData(form));
  data.set("seconds", ((performance.now() - shownAt) / 1000).toFixed(2));
  for (const [name, value] of Object.entries(extra)) data.set(name, value);
  send(form.getAttribute("action"), data);
}

function accept() {
  const form = element("judge");
  if (form) form.reset();
  judge({});
}

function undo() { send(`/reviews/${element("stage").dataset.review}/undo`, new URLSearchParams()); }

function toggle(fieldset) {
  const order = ["right", "wrong", "unsure"];
  const inputs = [...fieldset.querySelectorAll("input")];
  const now = inputs.find((input) => input.checked).value;
  const next = order[(order.indexOf(now) + 1) % order.length];
  inputs.find((input) => input.value === next).checked = true;
  fieldset.dataset.answer = next;
}

function magnify() {
  const picture = element("picture");
  if (!picture) return;
  element("zoom").querySelector("img").src = picture.src;
  element("zoom").showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input[name=comment], input[type=password]")) {
    if (event.key === "Enter") { event.preventDefault(); judge({}); }
    return;
  }
  const open = document.querySelector("dialog[open]");
  if (open) { if (event.key === "z" || event.key === "?") open.close(); return; }
  const key = event.key.toLowerCase();
  const marked = element("stage").querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (key === "a") accept();
  else if (key === "u") undo();
  else if (key === "s") judge({ action: "skip" });
  else if (key === "z") magnify();
  else if (key === "?") element("help").showModal();
  else if (/^[1-9]$/.test(key)) {
    const button = element("stage").querySelectorAll(".reasons button")[Number(key) - 1];
    if (button) judge({ reason: button.value });
  } else if (key === "enter" && !event.target.matches("button, a, summary")) judge({});
  else if (marked && marked.matches("fieldset")) toggle(marked);
  else if (marked) { const box = marked.querySelector("input"); box.checked = !box.checked; }
  else return;
  event.preventDefault();
});

document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  if (form.id === "judge") {
    event.preventDefault();
    if (button && button.formAction.endsWith("/undo")) undo();
    else if (button && button.name === "reason") judge({ reason: button.value });
    else judge(button && button.value === "skip" ? { action: "skip" } : {});
  }
});

document.addEventListener("change", (event) => {
  const fieldset = event.target.closest("fieldset[data-key]");
  if (fieldset) fieldset.dataset.answer = event.target.value;
});

document.addEventListener("click", (event) => {
  if (event.target.id === "picture") magnify();
  else if (event.target.id === "show-help") element("help").showModal();
  else if (event.target.closest("[data-do=accept]")) accept();
});
document.addEventListener("DOMContentLoaded", fresh);
