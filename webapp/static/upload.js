// The form works without this: here are the preview, dropping, pasting and the size check.
"use strict";

const form = document.querySelector(".upload");
const drop = form.querySelector(".drop");
const input = form.querySelector("input[type=file]");
const preview = form.querySelector(".preview");
const maxMegabytes = Number(input.dataset.maxMb);
const hint = form.querySelector(".hint");

form.querySelector(".with-script").hidden = false;

function show(file) {
  const isTooLarge = file && file.size > maxMegabytes * 1024 * 1024;
  input.setCustomValidity(
    isTooLarge ? `This file is larger than ${maxMegabytes} MB: choose a smaller one.` : "",
  );
  input.reportValidity();
  URL.revokeObjectURL(preview.src);
  preview.hidden = !file;
  hint.hidden = Boolean(file);
  if (file) preview.src = URL.createObjectURL(file);
}

function take(files) {
  if (!files.length) return;
  input.files = files;
  show(files[0]);
}

input.addEventListener("change", () => show(input.files[0]));
// Browsers do not show every format that we read.
preview.addEventListener("error", () => {
  preview.hidden = true;
  hint.hidden = false;
});

for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => take(event.clipboardData.files));
