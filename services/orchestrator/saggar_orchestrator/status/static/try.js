// A photograph that is dropped anywhere on the page is sent as though it had been chosen. Without this script: choose it.
"use strict";
const form = document.getElementById("drop");

if (form) {
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    form.querySelector("input[type=file]").files = one.files;
    form.requestSubmit();
  });
}
