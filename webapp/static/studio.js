// Makes the page nicer. Without it the forms, links and pictures do the same.
"use strict";

const $ = (selector) => document.querySelector(selector);
const studio = $(".studio");
const maxMegabytes = Number(studio.dataset.maxMb);
const MOST_PIXELS = 2048; // a side: the server keeps no more
const LOST_AFTER = 4000; // milliseconds without a word from the server; looked at each second

document.documentElement.classList.add("scripts");
for (const each of document.querySelectorAll(".with-script")) each.hidden = false;

// Errors stand above; the picture that was chosen stays.
function tell(sentence) {
  const box = $(".studio > .notice.error");
  box.textContent = sentence;
  box.hidden = !sentence;
}

// ---- Sending: choosing, dropping or pasting a picture starts it at once.

const upload = $("form.upload");
const input = $("input[type=file]");
let sending = false; // and until the next page is there: one press is one job
let unsent = []; // what the server refused: its options may be mended
if (input) input.multiple = true;
addEventListener("pageshow", () => { sending = false; });

function wrongWith(file) {
  if (!file.type.startsWith("image/") && file.type) return `${file.name} is no picture: choose a JPEG or PNG.`;
  if (file.size > maxMegabytes * 2 ** 20) return `${file.name} is larger than ${maxMegabytes} MB: choose a smaller one.`;
  return "";
}

// A large photo, upright and in JPEG; others as they are. Browsers do not read every format that the server does.
async function reduced(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap || Math.max(bitmap.width, bitmap.height) <= MOST_PIXELS) return file;
  const scale = MOST_PIXELS / Math.max(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return blob ? new File([blob], "picture.jpg", { type: "image/jpeg" }) : file;
}

function fieldsOf(form) {
  const data = form ? new FormData(form) : new FormData();
  data.delete("image");
  return data;
}

function post(url, data, onProgress) {
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
async function send(url, data, onProgress) {
  const answer = await post(url, data, onProgress);
  if (!answer) return { error: "The server does not answer: is it still running? Try again." };
  if (answer.status === 200 && answer.response?.id) return { id: answer.response.id };
  return { ...(answer.response ?? {}), error: answer.response?.error ?? "The server refused this: try again." };
}

async function take(files) {
  const pictures = [...files];
  if (!pictures.length || sending) return;
  const wrong = pictures.map(wrongWith).find(Boolean);
  tell(wrong ?? "");
  if (wrong) {
    if (input) input.value = "";
    return;
  }
  sending = true;
  const bar = $(".sending");
  const started = [];
  for (const [index, file] of pictures.entries()) {
    const data = fieldsOf(upload);
    data.set("image", await reduced(file));
    if (bar) bar.hidden = false;
    const result = await send(studio.dataset.upload, data, (share) => {
      if (bar) bar.value = (index + share) / pictures.length;
    });
    if (result.error) {
      showProblems(upload, result);
      keep(pictures.slice(index));
      started.length = 0; // the others are in the strip, and this is to be read
      break;
    }
    started.push(result.id);
  }
  if (bar) bar.hidden = true;
  if (started.length) location.href = `/jobs/${started[0]}`;
  else sending = false;
}

// Nothing tells when the same file is chosen again, so there is a button now.
function keep(pictures) {
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
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
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
function showProblems(form, result) {
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

// ---- Words: painted again from here; one press is one job.

const again = $("form.again");
$("textarea")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
again?.addEventListener("submit", async (event) => {
  if (event.submitter?.hasAttribute("formaction")) return; // Cancel and Delete
  event.preventDefault();
  if (sending) return;
  sending = true;
  const result = await send(again.action, new FormData(again));
  if (result.id) location.href = `/jobs/${result.id}`;
  else {
    sending = false;
    showProblems(again, result);
  }
});

// ---- Waiting: the job's events, and what to say when they stop.

let heard = Date.now();
let lost = false;
let spoken = 0;

function say(words) {
  const line = $(".progress-words");
  if (line) line.textContent = words;
}

function setLost(isLost) {
  if (lost === isLost) return;
  lost = isLost;
  tell(isLost ? "The connection to the server is lost. This page goes on by itself when it is back." : "");
}

function onProgress(data) {
  const bar = $(".frame progress");
  if (!bar) return;
  bar.max = data.num_steps;
  bar.value = data.step;
  const left = data.seconds ? `, about ${data.seconds} s left` : "";
  say(`Step ${data.step} of ${data.num_steps}${left}`);
  const share = data.step / data.num_steps;
  document.title = `${Math.round(100 * share)} % – Lookalike`;
  const quarter = Math.floor(4 * share);
  if (quarter > spoken) $("[role=status]").textContent = `Painting, ${25 * (spoken = quarter)} percent`;
}

function onPreview(data) {
  const frame = $(".theirs .frame");
  const old = frame.querySelector(".preview, .blank");
  const image = new Image();
  image.className = "preview";
  image.alt = "";
  image.src = `${studio.dataset.page}/preview.jpg?step=${data.step}`;
  image.onload = () => old?.replaceWith(image);
}

// Puts what the server now draws in place; focus and edited words stay.
async function swap() {
  const answer = await fetch(studio.dataset.page).catch(() => null);
  setLost(!answer);
  if (!answer) return setTimeout(swap, 2000); // a reload would lose this page
  if (!answer.ok) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-swap]")) {
    const news = fresh.querySelector(`[data-swap=${part.dataset.swap}]`);
    if (news && part.innerHTML !== news.innerHTML) part.replaceWith(news);
  }
  const seed = $(".seed");
  if (seed?.hidden) seed.replaceWith(fresh.querySelector(".seed"));
  const words = $("textarea");
  if (words.value === words.defaultValue) words.value = words.defaultValue = fresh.querySelector("textarea").value;
  for (const button of [$(".words button"), fresh.querySelector(".words button")]) button.type = "submit";
  $(".words button").className = fresh.querySelector(".words button").className;
  $(".words button").textContent = fresh.querySelector(".words button").textContent;
  $("[role=status]").textContent = fresh.querySelector("[role=status]").textContent;
  const now = fresh.querySelector(".studio");
  studio.className = now.className;
  studio.dataset.status = now.dataset.status;
  if (now.hasAttribute("data-pending")) setTimeout(swap, 1000); // its siblings are still painted
  enliven();
}

function follow() {
  const events = new EventSource(studio.dataset.events);
  const on = (name, act) => events.addEventListener(name, (event) => {
    heard = Date.now();
    setLost(false);
    act(JSON.parse(event.data));
  });
  on("captioning", () => say("Looking at your picture…"));
  on("captioned", (data) => {
    const words = $("textarea");
    if (words.value === words.defaultValue) words.value = words.defaultValue = data.caption;
  });
  on("queued", () => say("Waiting for a turn…"));
  on("progress", onProgress);
  on("previewed", onPreview);
  on("alive", () => {});
  for (const name of ["succeeded", "failed", "cancelled"]) on(name, () => {
    events.close();
    clearInterval(watch);
    swap();
  });
  // Closed means refused: the server has started anew, or too many pages follow. The page says which.
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) return;
    clearInterval(watch);
    setTimeout(async () => {
      await swap();
      if (isWaiting()) follow();
    }, 2000);
  });
  const watch = setInterval(() => { if (Date.now() - heard > LOST_AFTER) setLost(true); }, 1000);
}
function isWaiting() {
  return ["queued", "captioning", "running"].includes(studio.dataset.status);
}

if (isWaiting()) follow();
else if ("pending" in studio.dataset) setTimeout(swap, 1000);

// ---- The header, and the loading of the models.

async function watchServer() {
  const state = $(".server-state");
  if (!state) return;
  const answer = await fetch(state.dataset.state).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (told) state.querySelector(".now").textContent = told.state;
  const notice = $(".loading");
  if (notice && told) showLoading(notice, told.models);
  setTimeout(watchServer, notice ? 500 : 5000);
}

function showLoading(notice, models) {
  if (!models.length) return notice.remove();
  const bars = notice.querySelectorAll("progress");
  const stages = notice.querySelectorAll("small");
  models.forEach((model, index) => {
    bars[index].value = model.loaded_bytes;
    // All is read, and how long the rest takes is not known.
    if (model.loaded_bytes === model.total_bytes) bars[index].removeAttribute("value");
    stages[index].textContent = model.stage;
  });
}
setTimeout(watchServer, 500);

// ---- What may be done with a lookalike.

function enliven() {
  const image = $(".theirs .result");
  if (!image || $(".theirs .grid") || !$(".actions .save")) return;
  const own = $(".yours img");
  addAction("Compare", (button) => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    on ? compare(image, own) : $(".compare").replaceWith(image.parentElement);
  });
  if (navigator.share || navigator.clipboard) addAction("Share", () => share(image.src));
}

function addAction(words, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = words;
  button.addEventListener("click", () => act(button));
  $(".actions .quiet").before(button);
}

function compare(image, own) {
  const box = document.createElement("div");
  box.className = "compare";
  const under = new Image();
  under.src = own.src;
  under.alt = "";
  const wipe = document.createElement("input");
  Object.assign(wipe, { type: "range", min: 0, max: 100, value: 50 });
  wipe.setAttribute("aria-label", "How much of your picture is shown");
  wipe.addEventListener("input", () => box.style.setProperty("--cut", `${wipe.value}%`));
  const link = image.parentElement;
  link.replaceWith(box);
  box.append(image.cloneNode(), under, wipe);
  link.append(image);
  wipe.focus();
}

async function share(url) {
  const blob = await (await fetch(url)).blob();
  const file = new File([blob], "lookalike.png", { type: "image/png" });
  if (navigator.canShare?.({ files: [file] })) await navigator.share({ files: [file] }).catch(() => {});
  else await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]).catch(() => {});
}
enliven();
