// Sending: choosing, dropping or pasting a picture starts it at once, on every page.
// Without this the form does the same.

import { forget, keptOf } from "./kept.js";
import { $, makeButton, tell } from "./notice.js";

const { upload: address, maxMb } = document.body.dataset;
const MOST_PIXELS = 2048; // a side: the server keeps no more

document.documentElement.classList.add("scripts");
for (const each of document.querySelectorAll(".with-script")) each.hidden = false;

const upload = $("form.upload");
const input = $("input[type=file]");
let sending = false; // and until the next page is there: one press is one job
let unsent = []; // what the server refused: its options may be mended
if (input) input.multiple = true;
addEventListener("pageshow", () => { sending = false; });

function wrongWith(file) {
  if (!file.type.startsWith("image/") && file.type) return `${file.name} is no picture: choose a JPEG or PNG.`;
  if (file.size > Number(maxMb) * 2 ** 20) return `${file.name} is larger than ${maxMb} MB: choose a smaller one.`;
  return "";
}

// A large photo, upright, in JPEG and, as by the server, on white; others as they are. Browsers do not read every format
// that the server does.
async function reduced(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap || Math.max(bitmap.width, bitmap.height) <= MOST_PIXELS) return file;
  const scale = MOST_PIXELS / Math.max(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return blob ? new File([blob], "picture.jpg", { type: "image/jpeg" }) : file;
}

function fieldsOf(form) {
  const data = form ? new FormData(form) : new FormData();
  data.delete("image");
  return data;
}

export function post(url, data, onProgress) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress?.(event.loaded / event.total);
    request.onload = () => done(request);
    request.onerror = () => done(null);
    request.send(data);
  });
}

// The page of the job that was started, or the reason in words.
export async function send(url, data, onProgress) {
  const answer = await post(url, data, onProgress);
  if (!answer) return { error: "The server does not answer: is it still running? Try again." };
  if (answer.status === 200 && answer.response?.id) return { id: answer.response.id };
  if (answer.status === 401) return { error: "The server asks for its key again: load this page anew.", status: 401 };
  return { ...(answer.response ?? {}), status: answer.status, error: answer.response?.error ?? "The server refused this: try again." };
}

// Goes to the page of the job that `act` starts; one press is one job.
export async function onePress(act) {
  if (sending) return;
  sending = true;
  const id = await act();
  if (id) location.href = `${address}jobs/${id}`;
  else sending = false;
}

function take(files) {
  const pictures = [...files];
  const wrong = pictures.map(wrongWith).find(Boolean);
  if (wrong && input) input.value = "";
  if (!sending) tell(wrong ?? "");
  if (pictures.length && !wrong) onePress(() => sendAll(pictures));
}

// The id of the first one's job; none if one was refused: the others are in the strip, and this is to be read.
async function sendAll(pictures) {
  const bar = $(".sending");
  const started = [];
  let wrong = null;
  for (const [index, file] of pictures.entries()) {
    const result = await sendOne(file, (share) => { bar.value = (index + share) / pictures.length; });
    if (!result.error) started.push(result.id);
    else if (pictures.length > 1 && isOfPicture(result)) wrong ??= { error: `${file.name}: ${result.error}` };
    else {
      wrong = result;
      holdBack(pictures.slice(index));
      break;
    }
  }
  bar.hidden = true;
  if (!wrong) {
    if (input) input.value = ""; // on the way back the same one may be chosen again
    return started[0];
  }
  showProblems(upload, wrong);
  if (started.length) showStrip();
  return null;
}

async function sendOne(file, onProgress) {
  if (!await file.slice(0, 1).arrayBuffer().catch(() => null)) return { error: "This is no file that can be read.", status: 400 };
  const data = fieldsOf(upload);
  data.set("image", await reduced(file));
  $(".sending").hidden = false;
  return send(address, data, onProgress);
}

// The next picture may be right: neither the options are wrong, nor is the server away or full.
function isOfPicture(result) {
  return [400, 413].includes(result.status) && !result.problems;
}

// Those that were sent, on a page that stays.
async function showStrip() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-swap=mine]");
  const old = $("[data-swap=mine]");
  if (fresh) old ? old.replaceWith(fresh) : $(".studio")?.append(fresh);
}

// Nothing tells when the same file is chosen again, so there is a button now.
function holdBack(pictures) {
  unsent = pictures;
  if (input) input.required = false;
  upload?.querySelector(".without-script")?.classList.remove("without-script");
}

upload?.addEventListener("submit", (event) => {
  if (!event.submitter?.name && (unsent.length || input.files.length)) {
    event.preventDefault();
    take(unsent.length ? unsent : input.files);
  } else if (sending) event.preventDefault();
  else sending = true; // a sample
});

input?.addEventListener("change", () => take(input.files));
// Chosen before this script was there. What a browser restores on the way back was sent already.
if (input?.files.length && performance.getEntriesByType("navigation")[0]?.type === "navigate") take(input.files);
addEventListener("paste", ({ target, clipboardData }) => {
  // Office programs put a picture of the words beside them.
  const isOfWords = clipboardData.types.includes("text/plain") && target.closest?.("textarea, input");
  if (clipboardData.files.length && !isOfWords) take(clipboardData.files);
});
addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
addEventListener("drop", (event) => {
  document.body.classList.remove("over");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  take(event.dataTransfer.files);
});

// Every wrong field says what is wrong with it, under its label's name.
export function showProblems(form, result) {
  const problems = result.problems ?? {};
  for (const field of form?.querySelectorAll("[aria-invalid]") ?? []) {
    field.removeAttribute("aria-invalid");
    form.querySelector(`#problem-${field.name}`)?.remove();
  }
  for (const [name, sentence] of Object.entries(problems)) {
    const field = form?.querySelector(`[name="${name}"]`);
    if (!field) continue;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", `problem-${name}`);
    const line = document.createElement("span");
    line.className = "problem";
    line.id = `problem-${name}`;
    line.textContent = sentence;
    field.after(line);
  }
  if (Object.keys(problems).length && form) form.querySelector("details").open = true;
  tell(Object.values(problems)[0] ?? result.error ?? "");
}

// ---- A picture that the server has forgotten, and this tab has not.

// False if there is none.
export function offerKept(page) {
  const data = keptOf(page);
  if (!data) return false;
  const again = makeButton("Send it again", () => onePress(async () => {
    const result = await send(address, data);
    if (result.error) tell(result.error, again);
    return result.id;
  }));
  tell("The server no longer has this picture: perhaps it was started anew.", again);
  return true;
}

if ($("[data-status]") || upload) forget();
else offerKept(location.pathname);
